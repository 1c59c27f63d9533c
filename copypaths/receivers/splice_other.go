//go:build !linux

package receivers

const noSplice = "splice(2) is a call of Linux"

func spliceNull() binding { return unsupported(noSplice) }
func fileSplice() binding { return unsupported(noSplice) }
