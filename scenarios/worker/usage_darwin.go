package worker

// maxRSSUnit is the unit of ru_maxrss in bytes: getrusage(2) counts bytes on macOS.
const maxRSSUnit = 1
