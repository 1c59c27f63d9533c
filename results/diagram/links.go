package diagram

import (
	"slices"

	"copylab/results/stages"
)

// Link is what lies between the two sockets, as far as it makes a difference to copies.
type Link string

// The links. A remote link of a run is a network card's, with scatter-gather unless its features say otherwise.
const (
	NIC          Link = "nic"
	NICWithoutSG Link = "nic-without-sg" // without scatter-gather
	Loopback     Link = "loopback"
	Veth         Link = "veth"
	// A veth link whose card was told to leave something to the kernel. They have the names that scenarios give them.
	VethWithoutSG        Link = "veth sg=off"
	VethWithoutChecksums Link = "veth csum=off"
)

// VethWith is a veth link by what its card takes over. What else can be switched off there, such as segmentation, makes no copy.
func VethWith(sg, checksums bool) Link {
	switch {
	case !sg:
		return VethWithoutSG
	case !checksums:
		return VethWithoutChecksums
	}
	return Veth
}

// Links lists every link that is as it is made, in the order in which tables show them. They are what theory shows where nobody says which.
func Links() []Link { return []Link{NIC, NICWithoutSG, Loopback, Veth} }

// Title is the link in words.
func (l Link) Title() string {
	switch l {
	case NIC:
		return "NIC"
	case NICWithoutSG:
		return "NIC without SG"
	}
	return string(l)
}

// between are the arrows from the sender's socket buffer to the receiver's.
func between(p Path, l Link) []Arrow {
	toCard := Arrow{From: SocketBuffer, To: Card, Kind: DMA, By: ByCard}
	fromCard := Arrow{From: Card, To: PeerSocket, Kind: DMA, By: ByReceiverCard, Note: "over the wire"}
	switch l {
	case NIC:
		return []Arrow{toCard, fromCard}
	case NICWithoutSG:
		toCard.From = Segments
		return []Arrow{
			{From: SocketBuffer, To: Segments, Kind: CPUCopy, By: ByKernelLater, Note: "segmentation", Stage: stages.CopyToSegments},
			toCard, fromCard,
		}
	}
	if copiesToSegments(p, l) {
		return []Arrow{
			{From: SocketBuffer, To: Segments, Kind: CPUCopy, By: ByKernelLater, Note: "segmentation", Stage: stages.CopyToSegments},
			{From: Segments, To: PeerSocket, Kind: Descriptor, By: BySender, Note: "the same memory"},
		}
	}
	if p.ZeroCopy {
		return []Arrow{{From: SocketBuffer, To: PeerSocket, Kind: DeferredCopy, By: ByKernelLater, Stage: stages.CopyDeferred}}
	}
	return []Arrow{{From: SocketBuffer, To: PeerSocket, Kind: Descriptor, By: BySender, Note: "the same memory"}}
}

// copiesToSegments tells whether a veth link makes the kernel copy where it cuts segments (net/core/skbuff.c, skb_segment): always without
// scatter-gather, and without checksums whatever refers to pages that others may change, since the sum must be that of what is sent.
func copiesToSegments(p Path, l Link) bool {
	return l == VethWithoutSG || l == VethWithoutChecksums && p.refers()
}

// refers tells whether the path's socket buffer refers to pages, rather than having a copy.
func (p Path) refers() bool {
	return p.ZeroCopy || slices.ContainsFunc(p.Arrows, func(a Arrow) bool { return a.To == SocketBuffer && a.Kind != CPUCopy })
}

// linkRemarks say what a link does otherwise than a reader may think.
func linkRemarks(p Path, l Link) []string {
	switch {
	case l == NICWithoutSG:
		return []string{"Without scatter-gather a card takes only memory in one piece. TCP builds large packets of references all the same, and the kernel copies when it cuts them into segments: a copy more, whatever the path."}
	case l == NIC:
		return nil
	case copiesToSegments(p, l):
		text := "Without scatter-gather (sg=off) a card takes only memory in one piece. TCP builds large packets of references all the same, and the kernel copies when it cuts them into segments: a copy more, whatever the path."
		if l == VethWithoutChecksums {
			text = "Without checksums (csum=off) the kernel computes the sums when it cuts segments. This path's socket buffer refers to pages that may still change, so the kernel first copies them, for the sum to be that of what is sent."
		}
		out := []string{text}
		if p.ZeroCopy {
			out = append(out, "The copy into segments takes the place of the deferred one that zero copy has on a veth link: the receiver's socket gets the segments.")
		}
		return out
	case p.ZeroCopy:
		return []string{"The receiver's socket must not refer to memory that the sender may change. So the kernel copies what was sent without a copy (skb_copy_ubufs) before the receiver gets it. That copy takes the place of the one that zero copy was to spare, and a part of it may be made in the receiver's time."}
	}
	return []string{"There is no network card, so no DMA to or from one: the receiver's socket gets the very memory that the sender's socket had."}
}
