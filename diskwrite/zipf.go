package diskwrite

import "math"

// zipf draws ranks from 1 to n, of which rank k comes with a probability in proportion to k^-θ. It keeps a few numbers,
// however large n is, and takes a little more than one draw on average: rejection-inversion after W. Hörmann and
// G. Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions", ACM TOMACS 6(3), 1996.
//
// The idea: the curve x^-θ has an integral that can be inverted, so that a point under it is drawn by one formula. Its x
// is rounded to a rank. Since the curve is convex, the area between k-½ and k+½ is somewhat larger than k^-θ: a point in
// the surplus is thrown away.
//
// It takes a logarithm and an exponential, some 100 ns, which are charged to the write: see BenchmarkNullWriter.
type zipf struct {
	theta float64
	n     uint64
	power float64 // 1/(1-θ); 0 for θ = 1
	// The integral at both ends. The first rank's surplus is cut off beforehand.
	from, to float64
	// A point whose x is at most so much below its rank is never in the surplus.
	sure float64
}

func newZipf(n uint64, theta float64) zipf {
	z := zipf{theta: theta, n: n}
	if theta != 1 {
		z.power = 1 / (1 - theta)
	}
	z.from = z.integral(1.5) - 1
	z.to = z.integral(float64(n) + 0.5)
	z.sure = 2 - z.inverse(z.integral(2.5)-math.Pow(2, -theta))
	return z
}

// draw returns the rank that belongs to the random number.
func (z *zipf) draw(number uint64) uint64 {
	for {
		u := z.to + float64(number>>11)*0x1p-53*(z.from-z.to)
		x := z.inverse(u)
		// Rounding may leave the range by one at either end.
		k := z.n
		if x < float64(z.n) {
			k = max(uint64(x+0.5), 1)
		}
		if rank := float64(k); rank-x <= z.sure || u >= z.integral(rank+0.5)-math.Exp(-z.theta*math.Log(rank)) {
			return k
		}
		number = scramble(number + multiplierB)
	}
}

// integral is that of t^-θ from 1 to x: (x^(1-θ) - 1) / (1-θ), or ln x for θ = 1. It is written so that nothing cancels
// near θ = 1.
func (z *zipf) integral(x float64) float64 {
	log := math.Log(x)
	if t := (1 - z.theta) * log; t != 0 {
		return math.Expm1(t) / t * log
	}
	return log
}

// inverse returns the x of which u is the integral.
func (z *zipf) inverse(u float64) float64 {
	if z.power == 0 {
		return math.Exp(u)
	}
	// Below -1 lies no x; rounding may get there where θ is above 1.
	return math.Exp(math.Log1p(max((1-z.theta)*u, -1)) * z.power)
}
