//go:build !linux

package links

const childVariable = "COPYLAB_LINKS_TEST_CHILD"

func beChild(string) int { return 1 }
