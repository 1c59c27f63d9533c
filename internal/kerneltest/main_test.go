package kerneltest

import (
	"testing"

	"copylab/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
