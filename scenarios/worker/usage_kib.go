//go:build unix && !darwin

package worker

// maxRSSUnit is the unit of ru_maxrss in bytes: getrusage(2) counts KiB here.
const maxRSSUnit = 1024
