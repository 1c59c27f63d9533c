package results

import (
	"fmt"

	"copylab/results/measured"
)

// linkRemote is Params.Link between two hosts.
const linkRemote = "remote"

// linkFull is the share of a link's rate above which the link is what limits a case.
const linkFull = 0.95

// What each segment takes on the wire beyond IP: an Ethernet header; on a real network card also preamble, start of frame,
// frame check sequence and the gap between frames (IEEE 802.3). A shaper on a veth link counts only the header.
const (
	ethernetHeader = 14
	ethernetAround = 24
	bitsInAByte    = 8
	bitsInAGigabit = 1e9
)

// linkOf is what a run says of a case's link; nil where it says nothing.
func linkOf(run Run, c Case) *Link {
	for i, l := range run.Links {
		if l.Kind == c.Params.Link && l.Options == c.Params.LinkOptions {
			return &run.Links[i]
		}
	}
	return nil
}

// linkShare is how much of its link's rate a trial took: payload and the headers around it, in full segments. The headers of
// acknowledgements go the other way and are not in it.
func linkShare(l *Link, t Trial) measured.Float {
	if l == nil {
		return measured.Unavailable[float64]("the record says nothing of the link")
	}
	rate, ok := l.RateGbits.Get()
	if !ok || rate <= 0 {
		return measured.Unavailable[float64]("the link's rate is not known: %s", l.RateGbits.Why())
	}
	speed := perSecond(float64(t.Bytes), t.ElapsedNS)
	bytes, ok := speed.Get()
	if !ok {
		return speed
	}
	s, ok := t.Sides[sender]
	if !ok || s.TCP == nil {
		return measured.Unavailable[float64]("the trial recorded no TCP_INFO of the sender: what the headers take is not known")
	}
	segment, ok := s.TCP.SegmentBytes.Get()
	if !ok || segment <= 0 {
		return measured.Unavailable[float64]("the size of a segment is not known: %s", s.TCP.SegmentBytes.Why())
	}
	header, ok := s.TCP.HeaderBytes.Get()
	if !ok {
		return measured.Unavailable[float64]("%s", s.TCP.HeaderBytes.Why())
	}
	around := int64(ethernetHeader)
	if l.Kind == linkRemote {
		around += ethernetAround
	}
	onWire := bytes * float64(segment+header+around) / float64(segment)
	return measured.Known(onWire * bitsInAByte / (rate * bitsInAGigabit))
}

// isLinkBound tells whether a case filled its link, and how full it was.
func (d *caseData) isLinkBound() bool {
	share, ok := d.loads().link.Get()
	return ok && share >= linkFull
}

// FilledLink begins the warning of a comparison of throughput whose cases both filled their link.
const FilledLink = "both cases filled the link"

// linkWarning says what a comparison of throughput is worth where both cases filled the link.
func linkWarning(mine, theirs *caseData) string {
	a, _ := mine.loads().link.Get()
	b, _ := theirs.loads().link.Get()
	return fmt.Sprintf(FilledLink+" (%.2f and %.2f of its rate): their throughput is the link's; compare the CPU that they took", a, b)
}
