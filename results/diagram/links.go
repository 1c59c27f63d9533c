package diagram

import "copylab/results/stages"

// Link is what lies between the two sockets, as far as it makes a difference to copies.
type Link string

// The links. A remote link of a run is a network card's, with scatter-gather unless its features say otherwise.
const (
	NIC          Link = "nic"
	NICWithoutSG Link = "nic-without-sg" // without scatter-gather
	Loopback     Link = "loopback"
	Veth         Link = "veth"
)

// Links lists every link, in the order in which tables show them.
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
	if p.ZeroCopy {
		return []Arrow{{From: SocketBuffer, To: PeerSocket, Kind: DeferredCopy, By: ByKernelLater, Stage: stages.CopyDeferred}}
	}
	return []Arrow{{From: SocketBuffer, To: PeerSocket, Kind: Descriptor, By: BySender, Note: "the same memory"}}
}

// linkRemarks say what a link does otherwise than a reader may think.
func linkRemarks(p Path, l Link) []string {
	switch {
	case l == NICWithoutSG:
		return []string{"Without scatter-gather a card takes only memory in one piece. TCP builds large packets of references all the same, and the kernel copies when it cuts them into segments: a copy more, whatever the path."}
	case l == NIC:
		return nil
	case p.ZeroCopy:
		return []string{"The receiver's socket must not refer to memory that the sender may change. So the kernel copies what was sent without a copy (skb_copy_ubufs) before the receiver gets it. That copy takes the place of the one that zero copy was to spare, and a part of it may be made in the receiver's time."}
	}
	return []string{"There is no network card, so no DMA to or from one: the receiver's socket gets the very memory that the sender's socket had."}
}
