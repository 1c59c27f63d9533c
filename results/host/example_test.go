package host_test

import (
	"fmt"

	"copylab/results/host"
)

// What the machine and a disk do while something runs.
func ExampleOpenCounters() {
	disk, err := host.DiskUnder(".")
	if err != nil {
		fmt.Println(err)
		return
	}
	counters, err := host.OpenCounters(disk.Device)
	if err != nil {
		fmt.Println(err)
		return
	}
	counters.Before()
	// … what is measured …
	counters.After()
	fmt.Println("written to", disk.Device, "in bytes:", counters.Device().WriteBytes)
	fmt.Println("the CPUs were busy, in ns:", counters.Machine().BusyNS)
	if err := counters.Close(); err != nil {
		fmt.Println(err)
	}
}

// What will disturb a measurement here, and what to do about it.
func ExampleCheckup() {
	for _, c := range host.Checkup(host.System(), ".") {
		if c.Status == host.CheckWarning {
			fmt.Println(c.Title+":", c.Detail, "→", c.Remedy)
		}
	}
}
