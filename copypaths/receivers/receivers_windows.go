package receivers

const noDescriptors = "recv(2) on a raw descriptor is a Unix call"

func recv() binding     { return unsupported(noDescriptors) }
func checksum() binding { return unsupported(noDescriptors) }
func file() binding     { return unsupported(noDescriptors) }
