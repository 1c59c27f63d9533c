package host

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The capabilities that checks ask for (capabilities(7)).
const (
	capNetAdmin = 12 // changes network interfaces
	capIPCLock  = 14 // locks memory past the limit
	capSysAdmin = 21 // network namespaces, and io_uring although io_uring_disabled is 1, among others
	capPerfmon  = 38 // perf_event_open(2) whatever perf_event_paranoid says
)

// capable tells whether a capability of this process is in force. Being root is not enough in a container. CAP_SYS_ADMIN
// includes CAP_PERFMON, which was split from it in Linux 5.8. Where it can't be told the answer is no.
func (fs FS) capable(capability int) bool {
	bits, err := parseFile(fs.proc("self/status"), parseCapabilities)
	return err == nil && (bits>>capability&1 == 1 || capability == capPerfmon && bits>>capSysAdmin&1 == 1)
}

// parseCapabilities finds the effective capabilities in /proc/PID/status (proc_pid_status(5)).
func parseCapabilities(r io.Reader) (uint64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("effective capabilities: %w", err)
			}
			return bits, nil
		}
	}
	return 0, errors.New("no line CapEff")
}
