package host

import (
	"fmt"

	"golang.org/x/sys/windows"

	"copylab/results/measured"
)

// physicalMemory is not asked for on Windows.
func physicalMemory(error) measured.Int {
	return measured.Unavailable[int64]("copylab does not read the size of memory on windows")
}

// kernelVersion is the version of Windows.
func kernelVersion(error) string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
