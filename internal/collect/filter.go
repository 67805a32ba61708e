package collect

import "hash/maphash"

// slotSize is what a filter's slot takes in memory.
const slotSize = 8

// A filter remembers which ids a span holds and in which row each lies. It may
// say "new" for certain, never "seen": two ids can share a fingerprint, so its
// rows are places to look.
type filter struct {
	seed  maphash.Seed // per process, so that nobody can aim at it
	slots []slot       // open addressing, at most three quarters full
	used  int
}

// A slot is free with fingerprint 0.
type slot struct {
	print uint32
	row   uint32
}

func (f *filter) print(id *[16]byte) uint32 {
	return max(1, uint32(maphash.Bytes(f.seed, id[:])>>32))
}

// rows yields the rows that may hold the id.
func (f *filter) rows(id *[16]byte, yield func(row uint32) bool) {
	if len(f.slots) == 0 {
		return
	}
	print, mask := f.print(id), uint32(len(f.slots)-1)
	for i := print & mask; f.slots[i].print != 0; i = (i + 1) & mask {
		if f.slots[i].print == print && !yield(f.slots[i].row) {
			return
		}
	}
}

// add notes that a row holds the id.
func (f *filter) add(id *[16]byte, row uint32) {
	if f.used*4 >= len(f.slots)*3 {
		f.grow()
	}
	f.place(slot{f.print(id), row})
	f.used++
}

func (f *filter) place(s slot) {
	mask := uint32(len(f.slots) - 1)
	i := s.print & mask
	for f.slots[i].print != 0 {
		i = (i + 1) & mask
	}
	f.slots[i] = s
}

// move notes that the id lies in another row now.
func (f *filter) move(id *[16]byte, from, to uint32) {
	if len(f.slots) == 0 {
		return
	}
	print, mask := f.print(id), uint32(len(f.slots)-1)
	for i := print & mask; f.slots[i].print != 0; i = (i + 1) & mask {
		if f.slots[i] == (slot{print, from}) {
			f.slots[i].row = to
			return
		}
	}
}

func (f *filter) grow() {
	old := f.slots
	f.slots = make([]slot, max(256, 2*len(old)))
	for _, s := range old {
		if s.print != 0 {
			f.place(s)
		}
	}
}

// bytes is what the filter takes in memory.
func (f *filter) bytes() int { return len(f.slots) * slotSize }

// full says that one more id makes the filter twice as large.
func (f *filter) full() bool { return f.used*4 >= len(f.slots)*3 }
