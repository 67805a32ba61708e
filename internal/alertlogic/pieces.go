package alertlogic

import "sync"

// pieceSize holds some dozens of usual messages, or most bodies once deflated.
const pieceSize = 64 << 10

// pieces are bytes in memory that is borrowed piece by piece, so that what grows is
// never copied, and what one batch needed serves the next one of any size.
type pieces [][]byte

// spare are the pieces that nobody has borrowed.
var spare = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// extend makes sure that the last piece has room for so many bytes together.
func (p *pieces) extend(n int) {
	if last := len(*p) - 1; last >= 0 && cap((*p)[last])-len((*p)[last]) >= n {
		return
	}
	if n > pieceSize {
		*p = append(*p, make([]byte, 0, n)) // a piece of its own, which is not kept
		return
	}
	*p = append(*p, spare.Get().(*[pieceSize]byte)[:0])
}

// write appends bytes wherever there is room.
func (p *pieces) write(b []byte) {
	for len(b) > 0 {
		p.extend(1)
		last := &(*p)[len(*p)-1]
		n := min(len(b), cap(*last)-len(*last))
		*last = append(*last, b[:n]...)
		b = b[n:]
	}
}

func (p pieces) size() int {
	n := 0
	for _, piece := range p {
		n += len(piece)
	}
	return n
}

// giveBack ends the loan of all of them: nobody may look at their bytes any more.
func (p *pieces) giveBack() {
	for i, piece := range *p {
		if cap(piece) == pieceSize {
			spare.Put((*[pieceSize]byte)(piece[:pieceSize]))
		}
		(*p)[i] = nil
	}
	*p = (*p)[:0]
}
