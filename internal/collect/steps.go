package collect

import "context"

// InSteps is [Store.BatchThen] for a store that has no transaction over partitions:
// the batch first, then the others side by side.
func InSteps(ctx context.Context, s Store, batch, then []Write) ([]Written, error) {
	switch len(batch) {
	case 0:
	case 1:
		if _, err := single(ctx, s, batch[0]); err != nil {
			return nil, err
		}
	default:
		if err := s.Batch(ctx, batch); err != nil {
			return nil, err
		}
	}
	written := make([]Written, len(then))
	all := make([]int, len(then))
	for i := range all {
		all[i] = i
	}
	_ = each(all, func(i int) error { // every outcome is kept
		written[i].Version, written[i].Err = single(ctx, s, then[i])
		return nil
	})
	return written, nil
}

func single(ctx context.Context, s Store, w Write) (version string, err error) {
	switch w.Op {
	case OpInsert:
		return s.Insert(ctx, w.Row)
	case OpReplace:
		return s.Replace(ctx, w.Row)
	default:
		return "", s.Delete(ctx, w.Row.Key, w.Row.Version)
	}
}
