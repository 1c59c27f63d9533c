package host

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// allowedCPUs lists the CPUs that this thread may run on, in order: sched_getaffinity(2). nil where the call fails.
func allowedCPUs() []int {
	set, err := affinity(0)
	if err != nil {
		return nil
	}
	return set
}

// affinity lists the CPUs that a thread may run on; 0 is the calling thread.
func affinity(tid int) ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &set); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cpus []int
	for cpu := range len(set) * strconv.IntSize {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Pin binds every thread of this process to the given CPUs: sched_setaffinity(2). Threads that start later inherit it
// from the one that starts them. PickCPUs knows only these CPUs afterwards.
func Pin(cpus ...int) error {
	if len(cpus) == 0 {
		return errors.New("pin: no CPU is given")
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		if cpu < 0 || cpu >= len(set)*strconv.IntSize {
			return fmt.Errorf("pin: there is no CPU %d", cpu)
		}
		set.Set(cpu)
	}
	// A thread that is not pinned yet may start another meanwhile: go on until there is none that was not seen.
	done := map[int]bool{}
	for {
		tids, err := threads()
		if err != nil {
			return fmt.Errorf("pin: %w", err)
		}
		fresh := false
		for _, tid := range tids {
			if done[tid] {
				continue
			}
			fresh = true
			done[tid] = true
			if err := pinThread(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("pin thread %d to CPUs %v: %w", tid, cpus, err)
			}
		}
		if !fresh {
			return nil
		}
	}
}

// PinThread binds the calling thread to a CPU: sched_setaffinity(2). The goroutine must have locked it (runtime.LockOSThread).
func PinThread(cpu int) error {
	var set unix.CPUSet
	if cpu < 0 || cpu >= len(set)*strconv.IntSize {
		return fmt.Errorf("pin: there is no CPU %d", cpu)
	}
	set.Set(cpu)
	if err := pinThread(0, &set); err != nil {
		return fmt.Errorf("pin this thread to CPU %d: %w", cpu, err)
	}
	return nil
}

// pinThread binds one thread, and checks it: the kernel leaves out the CPUs that are offline or not allowed, silently.
func pinThread(tid int, want *unix.CPUSet) error {
	if err := unix.SchedSetaffinity(tid, want); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	var got unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &got); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	if got != *want {
		return errors.New("the kernel left out some of these CPUs: they are offline, or this process may not use them")
	}
	return nil
}

// threads lists the threads of this process.
func threads() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	var tids []int
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("number of a thread: %w", err)
		}
		tids = append(tids, tid)
	}
	return tids, nil
}
