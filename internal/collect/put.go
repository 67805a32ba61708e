package collect

import (
	"context"
	"errors"
)

// Put writes a row over whatever is there, for what is told anew again and again.
// If another process writes it at the same moment, theirs is as good.
func Put(ctx context.Context, store Store, row Row) error {
	is, err := store.Get(ctx, row.Key)
	switch {
	case errors.Is(err, ErrNotFound):
		_, err = store.Insert(ctx, row)
	case err == nil:
		row.Version = is.Version
		_, err = store.Replace(ctx, row)
	}
	if errors.Is(err, ErrExists) || errors.Is(err, ErrChanged) {
		return nil
	}
	return err
}
