package copypaths

import (
	"testing"

	"copylab/internal/testenv"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	testenv.Main(m)
}
