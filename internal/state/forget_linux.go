package state

import (
	"syscall"

	"go.etcd.io/bbolt"
)

// forgetPages takes the pages of the file that were read out of our memory, of which they
// would be a part for as long as nobody else needs the memory: what counts our memory
// counts them as well. Nothing is lost, since nobody writes through this mapping.
func forgetPages(db *bbolt.DB) {
	_ = db.View(func(tx *bbolt.Tx) error { // so that the mapping does not move meanwhile
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, db.Info().Data, uintptr(tx.Size()), syscall.MADV_DONTNEED) // mere advice
		return nil
	})
}
