package worker

// Share is what one of several streams moves: bytes (or requests) from the offset Start on, going on from the beginning
// of the file at its end.
type Share struct {
	Start int64
	Count int64
}

// Shares splits total over the streams: each begins at its own part of the file, at a whole chunk, and what does not
// divide evenly goes to the first. Sender, receiver and whoever checks their bytes compute the same.
func Shares(total int64, streams int, fileBytes, chunkBytes int64) []Share {
	n := int64(streams)
	part := fileBytes / n / chunkBytes * chunkBytes
	shares := make([]Share, streams)
	for i := range shares {
		shares[i] = Share{Start: int64(i) * part, Count: total / n}
	}
	shares[0].Count += total % n
	return shares
}
