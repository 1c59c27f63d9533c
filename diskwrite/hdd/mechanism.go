package hdd

// mechanism is arm, heads and platters. Its time is in ns since the model's beginning, whole ones, so that every machine
// computes the same.
type mechanism struct {
	drive     Drive
	turnNS    int64
	startNS   int64 // how far the platters had turned at time 0
	zones     []layout
	zone      int // of the last transfer
	arm, head int64
}

// layout is where a zone lies.
type layout struct {
	Zone
	firstSector, endSector, firstCylinder int64
	perCylinder                           int64 // sectors
	cylinderSkew                          int64 // sectors from one cylinder's first sector to the next one's
}

func newMechanism(d Drive, startNS int64) mechanism {
	m := mechanism{drive: d, turnNS: d.TurnNS(), startNS: startNS}
	var sector, cylinder int64
	for _, z := range d.Zones {
		l := layout{Zone: z, firstSector: sector, firstCylinder: cylinder, perCylinder: d.Heads * z.SectorsPerTrack,
			cylinderSkew: ((d.Heads-1)*z.TrackSkewSectors + z.CylinderSkewSectors) % z.SectorsPerTrack}
		sector += z.Cylinders * l.perCylinder
		cylinder += z.Cylinders
		l.endSector = sector
		m.zones = append(m.zones, l)
	}
	return m
}

// place is where a sector lies.
type place struct {
	cylinder, head int64
	sector         int64 // on its track
	passing        int64 // which sector of the track, counted from angle 0, it is: sector and skew
}

func (m *mechanism) locate(sector int64) (*layout, place) {
	for sector < m.zones[m.zone].firstSector {
		m.zone--
	}
	for sector >= m.zones[m.zone].endSector {
		m.zone++
	}
	z := &m.zones[m.zone]
	in := sector - z.firstSector
	cylinder, in := in/z.perCylinder, in%z.perCylinder
	head, in := in/z.SectorsPerTrack, in%z.SectorsPerTrack
	passing := (in + cylinder*z.cylinderSkew + head*z.TrackSkewSectors) % z.SectorsPerTrack
	return z, place{cylinder: z.firstCylinder + cylinder, head: head, sector: in, passing: passing}
}

// moveTo brings the arm there without taking time.
func (m *mechanism) moveTo(sector int64) {
	_, p := m.locate(sector)
	m.arm, m.head = p.cylinder, p.head
}

// write moves the arm at the time atNS and writes n sectors, track by track. partial says that the first or last sector
// has to be read before: they are written one turn later.
func (m *mechanism) write(atNS, sector, n int64, partial bool) (doneNS int64, parts Parts) {
	now := atNS
	if partial {
		parts.RotationNS += m.turnNS
		now += m.turnNS
	}
	for n > 0 {
		z, p := m.locate(sector)
		seek := m.drive.Seek.NS(max(p.cylinder-m.arm, m.arm-p.cylinder))
		parts.SeekNS += seek
		now += seek
		if p.head != m.head {
			// Heads are switched while the arm moves.
			if more := m.drive.HeadSwitchNS - seek; more > 0 {
				parts.HeadSwitchNS += more
				now += more
			}
		}
		m.arm, m.head = p.cylinder, p.head

		angle := (now + m.startNS) % m.turnNS
		rotation := p.passing*m.turnNS/z.SectorsPerTrack - angle
		if rotation < 0 {
			rotation += m.turnNS
		}
		parts.RotationNS += rotation
		now += rotation

		run := min(n, z.SectorsPerTrack-p.sector)
		transfer := (p.passing+run)*m.turnNS/z.SectorsPerTrack - p.passing*m.turnNS/z.SectorsPerTrack
		parts.TransferNS += transfer
		now += transfer
		sector += run
		n -= run
	}
	return now, parts
}
