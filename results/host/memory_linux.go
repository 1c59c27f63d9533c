package host

import "copylab/results/measured"

// physicalMemory has nothing to add to /proc/meminfo.
func physicalMemory(err error) measured.Int { return noInt(err) }

// kernelVersion has nothing to add to /proc.
func kernelVersion(err error) string { return unavailable("%s", why(err)) }
