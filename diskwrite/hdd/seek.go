package hdd

import (
	"errors"
	"fmt"
	"math"
)

// SeekCurve says how long a seek over a number of cylinders takes, settling included, in the form that Ruemmler and Wilkes
// use. An arm that has to brake before it has reached its top speed needs a time that grows with the root of the way; one
// that coasts needs a time that grows with the way.
type SeekCurve struct {
	// A seek over fewer than BoundaryCylinders takes ShortBaseNS + ShortRootNS·√way.
	BoundaryCylinders        int64
	ShortBaseNS, ShortRootNS float64
	// A longer one takes LongBaseNS + LongPerCylinderNS·way.
	LongBaseNS, LongPerCylinderNS float64
}

// NS is the time of a seek over that many cylinders. No way takes no time.
func (c SeekCurve) NS(cylinders int64) int64 {
	if cylinders == 0 {
		return 0
	}
	return int64(c.ns(float64(cylinders), float64(c.BoundaryCylinders)) + 0.5)
}

// ns keeps a product and the sum that it goes into apart (float64()), so that no processor fuses them and every one gets
// the same nanoseconds.
func (c SeekCurve) ns(way, boundary float64) float64 {
	if way < boundary {
		return c.ShortBaseNS + float64(c.ShortRootNS*math.Sqrt(way))
	}
	return c.LongBaseNS + float64(c.LongPerCylinderNS*way)
}

// averageNS weighs each way by the number of pairs of cylinders that lie so far apart.
func (c SeekCurve) averageNS(cylinders int64) float64 {
	var sum, weights float64
	for way := int64(1); way < cylinders; way++ {
		weight := float64(cylinders - way)
		sum += float64(weight * c.ns(float64(way), float64(c.BoundaryCylinders)))
		weights += weight
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

func (c SeekCurve) validate(cylinders int64) error {
	if cylinders < 2 {
		return nil
	}
	for _, ns := range []float64{c.ns(1, float64(c.BoundaryCylinders)), c.ShortRootNS, c.LongPerCylinderNS} {
		if ns >= 0 {
			continue // and a NaN does not come here
		}
		return errors.New("the seek curve falls or is negative: a longer seek takes at least as long as a shorter one")
	}
	if b := float64(c.BoundaryCylinders); b >= 2 && c.BoundaryCylinders < cylinders && c.ns(b-1, b) > c.ns(b, b) {
		return fmt.Errorf("the seek curve falls at its boundary of %d cylinders: a longer seek takes at least as long as a shorter one", c.BoundaryCylinders)
	}
	return nil
}

// FitSeek makes a seek curve of the three numbers that a data sheet gives: the time to the next cylinder, the mean of all
// seeks, and the full stroke. Where the two branches meet, neither time nor slope jumps; that leaves one curve for each
// meeting point, and of these FitSeek takes the one with the wanted mean. The further out the arm begins to coast, the
// larger the mean is: it lies between about 1/3 and 8/15 of the way from the next cylinder's time to the full stroke's.
// FitSeek fails where the data sheet's does not.
func FitSeek(cylinders, trackToTrackNS, averageNS, fullStrokeNS int64) (SeekCurve, error) {
	if cylinders < 4 || trackToTrackNS <= 0 || fullStrokeNS <= trackToTrackNS {
		return SeekCurve{}, fmt.Errorf("fit seek curve: %d cylinders, %d ns to the next and %d ns over all of them leave no room for a curve: check the data sheet's units", cylinders, trackToTrackNS, fullStrokeNS)
	}
	track, full, longest := float64(trackToTrackNS), float64(fullStrokeNS), float64(cylinders-1)
	meetingAt := func(boundary int64) SeekCurve {
		b := float64(boundary)
		// Slopes meet where LongPerCylinderNS = ShortRootNS/(2√b), and times where LongBaseNS = ShortBaseNS + ShortRootNS·√b/2.
		root := (full - track) / (math.Sqrt(b)/2 + longest/(2*math.Sqrt(b)) - 1)
		return SeekCurve{BoundaryCylinders: boundary, ShortBaseNS: track - root, ShortRootNS: root,
			LongBaseNS: track - root + float64(root*math.Sqrt(b))/2, LongPerCylinderNS: root / (2 * math.Sqrt(b))}
	}
	want := float64(averageNS)
	low, high := int64(2), cylinders-1
	least, most := meetingAt(low).averageNS(cylinders), meetingAt(high).averageNS(cylinders)
	if want < least || want > most {
		return SeekCurve{}, fmt.Errorf("fit seek curve: an average of %d ns does not go with %d ns to the next cylinder and a full stroke of %d ns: it would have to lie between %.0f and %.0f ns", averageNS, trackToTrackNS, fullStrokeNS, least, most)
	}
	for high-low > 1 {
		if middle := (low + high) / 2; meetingAt(middle).averageNS(cylinders) < want {
			low = middle
		} else {
			high = middle
		}
	}
	return meetingAt(high), nil
}
