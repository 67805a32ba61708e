package collect

import (
	"context"
	"errors"
)

// Swap writes a row if it is still as it was read: one that was never read, and has
// no version, must not be there. It returns the new version. ErrExists, ErrChanged.
func Swap(ctx context.Context, store Store, row Row) (version string, err error) {
	if row.Version == "" {
		return store.Insert(ctx, row)
	}
	return store.Replace(ctx, row)
}

// Overtaken reports that a row was not swapped because another process wrote it first.
func Overtaken(err error) bool { return errors.Is(err, ErrExists) || errors.Is(err, ErrChanged) }

// Put writes a row over whatever is there, for what is told anew again and again.
// If another process writes it at the same moment, theirs is as good.
func Put(ctx context.Context, store Store, row Row) error {
	is, err := store.Get(ctx, row.Key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	row.Version = is.Version
	_, err = Swap(ctx, store, row)
	if Overtaken(err) {
		return nil
	}
	return err
}
