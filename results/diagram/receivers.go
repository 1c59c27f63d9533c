package diagram

import "copylab/results/stages"

// Receivers lists the diagram of every receiver, in the order of their catalogue. How many takes a chunk needs depends on what has
// arrived when one is made.
func Receivers() []Receiver {
	return []Receiver{
		{ID: "recv", Calls: []string{"recvfrom"}, arrows: func(p Path, _ Link) []Arrow { return received(p) }},
		{
			ID: "discard", Calls: []string{"recvfrom"},
			arrows: func(Path, Link) []Arrow {
				return []Arrow{{From: PeerSocket, To: PeerNull, Kind: Dropped, By: ByReceiver, Call: "recv", Note: "MSG_TRUNC: TCP drops them"}}
			},
		},
		{
			ID: "checksum", Calls: []string{"recvfrom"},
			arrows: func(p Path, _ Link) []Arrow {
				return append(received(p), Arrow{From: PeerBuffer, To: PeerSum, Kind: ReadPass, By: ByReceiver, Note: "xxh64", Stage: stages.Program})
			},
		},
		{
			ID: "splice-null", Calls: []string{"splice", "splice"},
			arrows: func(Path, Link) []Arrow {
				return []Arrow{
					{From: PeerSocket, To: PeerPipe, Kind: Descriptor, By: ByReceiver, Call: "splice", Note: referenceToPages},
					{From: PeerPipe, To: PeerNull, Kind: Dropped, By: ByReceiver, Call: "splice"},
				}
			},
		},
		{
			ID: "zerocopy-receive", Calls: []string{"getsockopt"}, MoreNow: "recvfrom for what can't be mapped, and ppoll to wait",
			arrows:  mapped,
			Remarks: []string{"TCP_ZEROCOPY_RECEIVE maps only whole, aligned pages that belong to nothing else, such as a file in the page cache. The rest is copied. A run says how many bytes were mapped and how many copied."},
		},
		{
			ID: "file", Calls: []string{"recvfrom", "write"},
			arrows: func(p Path, _ Link) []Arrow {
				return append(received(p), Arrow{From: PeerBuffer, To: PeerCache, Kind: CPUCopy, By: ByReceiver, Call: "write", Stage: stages.CopyProgramToCache})
			},
		},
		{
			ID: "file-splice", Calls: []string{"splice", "splice"},
			arrows: func(Path, Link) []Arrow {
				return []Arrow{
					{From: PeerSocket, To: PeerPipe, Kind: Descriptor, By: ByReceiver, Call: "splice", Note: referenceToPages},
					{From: PeerPipe, To: PeerCache, Kind: CPUCopy, By: ByReceiver, Call: "splice", Note: "not through the program", Stage: stages.CopyProgramToCache},
				}
			},
		},
	}
}

// ReceiverOf returns the diagram of the receiver of that ID.
func ReceiverOf(id string) (Receiver, bool) {
	for _, r := range Receivers() {
		if r.ID == id {
			return r, true
		}
	}
	return Receiver{}, false
}

// Takes tells whether a receiver can take what a path sends: those that don't look at the bytes can't decrypt.
func (r Receiver) Takes(p Path) bool { return !p.TLS || r.ID == "recv" || r.ID == "checksum" }

// received is recv(2) into a buffer, and decryption where the sender encrypts.
func received(p Path) []Arrow {
	if !p.TLS {
		return []Arrow{{From: PeerSocket, To: PeerBuffer, Kind: CPUCopy, By: ByReceiver, Call: "recv", Stage: stages.CopySocketToReceiver}}
	}
	return []Arrow{
		{From: PeerSocket, To: PeerRecord, Kind: CPUCopy, By: ByReceiver, Call: "recv", Stage: stages.CopySocketToReceiver},
		{From: PeerRecord, To: PeerBuffer, Kind: CipherPass, By: ByReceiver, Note: "crypto/tls decrypts", Stage: stages.Encryption},
	}
}

// mapped is TCP_ZEROCOPY_RECEIVE (net/ipv4/tcp.c, tcp_zerocopy_receive): a copy of its own, as a deferred copy makes it, can be mapped; the
// page cache's, linear segments and the small pieces of a socket buffer can't.
func mapped(p Path, l Link) []Arrow {
	a := Arrow{From: PeerSocket, To: PeerMapping, Kind: Descriptor, By: ByReceiver, Call: "getsockopt"}
	switch {
	case l == NIC || l == NICWithoutSG:
		a.When = "where the card puts payload into whole pages"
		a.Note = "page tables; else a CPU copy"
	case p.ZeroCopy && !copiesToSegments(p, l):
		a.Note = "page tables, for nearly all; a CPU copy of the rest"
	default:
		a.To, a.Kind, a.Call, a.Stage = PeerBuffer, CPUCopy, "recv", stages.CopySocketToReceiver
		a.Note = "getsockopt(2) can map nothing here"
	}
	return []Arrow{a}
}
