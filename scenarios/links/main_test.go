package links

import (
	"os"
	"testing"

	"copylab/internal/testenv"
)

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		os.Exit(beChild(child))
	}
	testenv.Main(m)
}
