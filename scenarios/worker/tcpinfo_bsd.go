//go:build unix && !linux

package worker

import "runtime"

type tcpState struct{}

func readTCP(*socket) tcpState { return tcpState{} }

func tcpReadings(_, _ tcpState, _ bool) tcpNumbers {
	return unavailableTCP("TCP_INFO is not read on " + runtime.GOOS)
}
