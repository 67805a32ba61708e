package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The file's form is that of bbolt (internal/common of go.etcd.io/bbolt: page.go, meta.go,
// bucket.go, inode.go): pages with a head of id u64, flags u16, count u16 and overflow u32,
// in the byte order of the machine. bbolt itself believes what it reads there: a page that
// leads back to itself is followed for ever, and free pages that are not free are written
// over. So they are read here first, in plain bytes.
const (
	pageHead   = 16
	entryHead  = 16 // of an entry of a branch or leaf
	bucketHead = 16 // root page and sequence

	branchPage = 0x01
	leafPage   = 0x02
	freePage   = 0x10
	subBucket  = 0x01 // flag of an entry that is a bucket

	// A meta page, behind its head: magic, version, page size and flags (u32), then what
	// is below (u64).
	metaRoot     = pageHead + 16
	metaFreelist = metaRoot + 16
	metaEnd      = metaFreelist + 8 // of the pages in use
	metaTxID     = metaEnd + 8
	metaSize     = metaTxID + 16

	noFreelist   = math.MaxUint64
	manyFreePage = 0xFFFF // so many or more: the count is the first entry
)

var order = binary.NativeEndian

// A pages reads every page of the state that one transaction sees.
type pages struct {
	file io.ReaderAt
	size int    // of a page
	end  uint64 // of the pages in use

	used    []bool
	buffers [][]byte // by depth
}

// readPages finds out that every page is in the tree once, or free; that what they hold
// lies within them and in order; and that every row has its seal.
func readPages(file io.ReaderAt, size int, txID uint64) error {
	p := &pages{file: file, size: size}
	root, free, err := p.meta(txID)
	if err != nil {
		return err
	}
	p.used = make([]bool, p.end)
	if err := p.tree(root, 0, nil, nil); err != nil {
		return err
	}
	if free == noFreelist {
		return nil
	}
	if err := p.freelist(free); err != nil {
		return err
	}
	for id := range p.used[min(2, len(p.used)):] {
		if !p.used[id+2] {
			return fmt.Errorf("page %d is neither used nor free", id+2)
		}
	}
	return nil
}

// meta finds the meta page of the transaction: there are two, written in turn.
func (p *pages) meta(txID uint64) (root, free uint64, err error) {
	var b [metaSize]byte
	for id := range int64(2) {
		if _, err := p.file.ReadAt(b[:], id*int64(p.size)); err != nil {
			return 0, 0, fmt.Errorf("read meta page %d: %w", id, err)
		}
		if order.Uint64(b[metaTxID:]) == txID {
			p.end = order.Uint64(b[metaEnd:])
			return order.Uint64(b[metaRoot:]), order.Uint64(b[metaFreelist:]), nil
		}
	}
	return 0, 0, errors.New("no meta page is that of the last transaction")
}

// page reads one with what overflows from it, and takes it for used.
func (p *pages) page(id uint64, depth int) (b []byte, err error) {
	if id < 2 || id >= p.end {
		return nil, fmt.Errorf("page %d is none of %d", id, p.end)
	}
	for len(p.buffers) <= depth {
		p.buffers = append(p.buffers, make([]byte, p.size))
	}
	b = p.buffers[depth]
	at := int64(id) * int64(p.size)
	if _, err := p.file.ReadAt(b[:p.size], at); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	more := uint64(order.Uint32(b[12:]))
	if order.Uint64(b) != id || more >= p.end-id {
		return nil, fmt.Errorf("page %d says that it is page %d with %d more", id, order.Uint64(b), more)
	}
	for i := range more + 1 {
		if p.used[id+i] {
			return nil, fmt.Errorf("page %d is used twice", id+i)
		}
		p.used[id+i] = true
	}
	if whole := int(more+1) * p.size; whole > len(b) {
		b = append(b[:p.size], make([]byte, whole-p.size)...)
		p.buffers[depth] = b
	}
	b = b[:int(more+1)*p.size]
	if _, err := p.file.ReadAt(b[p.size:], at+int64(p.size)); more > 0 && err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	return b, nil
}

// tree reads a page and what is below it. Its keys are not less than low and less than
// high; nil is no bound.
func (p *pages) tree(id uint64, depth int, low, high []byte) error {
	b, err := p.page(id, depth)
	if err != nil {
		return err
	}
	if err := p.entries(b, depth, low, high); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// entries reads those of a page, or of the one inside a small bucket's entry.
func (p *pages) entries(b []byte, depth int, low, high []byte) error {
	flags, count := order.Uint16(b[8:]), int(order.Uint16(b[10:]))
	if flags != branchPage && flags != leafPage || flags == branchPage && count == 0 {
		return fmt.Errorf("it is of type %#x, with %d entries", flags, count)
	}
	if pageHead+count*entryHead > len(b) {
		return fmt.Errorf("it has no room for %d entries", count)
	}
	if count == 0 && (low != nil || len(bytes.Trim(b[pageHead:min(pageHead+entryHead, len(b))], "\x00")) > 0) {
		return errors.New("it has lost its entries")
	}
	end := pageHead + count*entryHead // keys and values follow the heads without a gap
	for i := range count {
		e, err := entryOf(b, i, flags == branchPage)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if e.from != end {
			return fmt.Errorf("entry %d is not behind the one before", i)
		}
		end += len(e.key) + len(e.value)
		next := high
		if i+1 < count {
			after, err := entryOf(b, i+1, flags == branchPage)
			if err != nil {
				return fmt.Errorf("entry %d: %w", i+1, err)
			}
			next = after.key
		}
		if low != nil && bytes.Compare(e.key, low) < 0 || next != nil && bytes.Compare(e.key, next) >= 0 {
			return fmt.Errorf("entry %d is not in order", i)
		}
		switch {
		case flags == branchPage:
			err = p.tree(e.page, depth+1, e.key, next)
		case e.flags == subBucket:
			err = p.bucket(e.value, depth+1)
		case e.flags == 0:
			_, err = unseal(e.key, e.value)
		default:
			err = fmt.Errorf("it is of type %#x", e.flags)
		}
		if err != nil {
			return fmt.Errorf("entry %d (%.80q): %w", i, e.key, err)
		}
	}
	return nil
}

// bucket reads one: a small one has its page in its entry.
func (p *pages) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return errors.New("it is too short for a bucket")
	}
	if root := order.Uint64(value); root != 0 {
		return p.tree(root, depth, nil, nil)
	}
	if len(value) < bucketHead+pageHead {
		return errors.New("it is too short for a small bucket")
	}
	return p.entries(value[bucketHead:], depth, nil, nil)
}

// An entry is one of a branch (page) or of a leaf (flags and value).
type entry struct {
	key, value []byte
	flags      uint32
	page       uint64
	from       int // where its key begins
}

// entryOf reads an entry's head: pos, ksize (u32) and page (u64) in a branch; flags, pos,
// ksize and vsize (u32) in a leaf. pos counts from the head.
func entryOf(b []byte, i int, branch bool) (e entry, err error) {
	at := pageHead + i*entryHead
	head := b[at : at+entryHead]
	var pos, keySize, valueSize uint64
	if branch {
		pos, keySize, e.page = uint64(order.Uint32(head)), uint64(order.Uint32(head[4:])), order.Uint64(head[8:])
	} else {
		e.flags = order.Uint32(head)
		pos, keySize, valueSize = uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[8:])), uint64(order.Uint32(head[12:]))
	}
	from := uint64(at) + pos
	if from+keySize+valueSize > uint64(len(b)) {
		return e, errors.New("it ends behind its page")
	}
	e.from = int(from)
	e.key, e.value = b[from:from+keySize], b[from+keySize:from+keySize+valueSize]
	return e, nil
}

// freelist reads which pages are free: each of them once, in order, and none in use.
func (p *pages) freelist(id uint64) error {
	b, err := p.page(id, 0)
	if err != nil {
		return err
	}
	ids, count := b[pageHead:], uint64(order.Uint16(b[10:]))
	if order.Uint16(b[8:]) != freePage {
		return fmt.Errorf("page %d is of type %#x, want the list of free pages", id, order.Uint16(b[8:]))
	}
	if count == manyFreePage {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return fmt.Errorf("page %d has no room for %d free pages", id, count)
	}
	for i := range count {
		free := order.Uint64(ids[i*8:])
		if free < 2 || free >= p.end || p.used[free] {
			return fmt.Errorf("page %d is not free", free)
		}
		p.used[free] = true
	}
	return nil
}
