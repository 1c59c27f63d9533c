// Package kerneltest tells whether copylab works on another kernel. Its command boot starts a kernel in an emulator, its command
// init is the first process there and does what a Plan says, and this package holds what the two have in common and
// what decides: the Plan, the Results, what they mean, and the archive that the kernel unpacks.
//
// docs/other-kernels.md is its manual.
package kerneltest

import "time"

// Where things are in the guest.
const (
	PlanFile   = "/plan.json" // a Plan
	ModulesDir = "/modules"   // what Plan.Modules names
	ProgramDir = "/bin"       // in the PATH of every step
	DiskDir    = "/disk"      // where the test disk is mounted, which takes O_DIRECT
	OutDir     = "/disk/out"  // is copied out of the guest when all is done
	TempDir    = "/disk/tmp"  // TMPDIR of every step
)

// The devices of the guest.
const (
	ResultsDevice = "/dev/ttyS1" // takes a Message a line
	TestDisk      = "/dev/vda"   // ext4
	OutDisk       = "/dev/vdb"   // takes OutDir as a tar archive
)

// Plan is what the guest does.
type Plan struct {
	Modules []string `json:"modules"` // files in ModulesDir, in the order in which they are loaded
	Steps   []Step   `json:"steps"`
	// Lanes are run side by side after the Steps; the steps of one lane one after another.
	Lanes [][]Step `json:"lanes,omitempty"`
}

// Step is a command to run in the guest.
type Step struct {
	Name    string        `json:"name"`
	Args    []string      `json:"args"`
	Env     []string      `json:"env,omitempty"` // KEY=VALUE, beside the usual
	Dir     string        `json:"dir,omitempty"` // OutDir if it is empty
	Timeout time.Duration `json:"timeout"`       // after it, the command is killed
	File    string        `json:"file,omitempty"`
	Enough  *Enough       `json:"enough,omitempty"`
}

// Enough says when a command has done enough: it is then interrupted, as by Ctrl-C, and has to end by itself with the exit status
// 130.
type Enough struct {
	File string `json:"file"` // that the command writes
	Text string `json:"text"` // that is in it by then
}

// Message is one line of what the guest says: exactly one of its fields is set.
type Message struct {
	Hello   *Hello  `json:"hello,omitempty"`
	Result  *Result `json:"result,omitempty"`
	Trouble string  `json:"trouble,omitempty"` // what the guest could not do
	Done    bool    `json:"done,omitempty"`
}

// Hello is what the guest says of itself once it is set up.
type Hello struct {
	Kernel  string   `json:"kernel"`  // as uname(2) says: release and version
	Modules []Module `json:"modules"` // that were to be loaded
	ULPs    string   `json:"ulps"`    // net.ipv4.tcp_available_ulp
}

// Module is a kernel module of the Plan.
type Module struct {
	File  string `json:"file"`
	Error string `json:"error,omitempty"` // why it could not be loaded
}

// Result is what came of a Step.
type Result struct {
	Step    string  `json:"step"`
	Exit    int     `json:"exit"`             // status of the command; -1 if it was killed or could not be started
	Error   string  `json:"error,omitempty"`  // why Exit is -1
	Output  string  `json:"output"`           // its standard output
	Errors  string  `json:"errors"`           // its standard error
	File    string  `json:"file,omitempty"`   // content of Step.File; empty where there is none
	Enough  bool    `json:"enough,omitempty"` // it was interrupted, see Step.Enough
	Seconds float64 `json:"seconds"`
}
