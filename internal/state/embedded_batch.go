package state

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"azcollector/internal/collect"
)

func (e *Embedded) write(ctx context.Context, write collect.Write) (string, error) {
	written, err := e.BatchThen(ctx, nil, []collect.Write{write})
	if err != nil {
		return "", err
	}
	return written[0].Version, written[0].Err
}

// Batch implements [collect.Store].
func (e *Embedded) Batch(ctx context.Context, writes []collect.Write) error {
	if len(writes) == 0 {
		return nil
	}
	_, err := e.BatchThen(ctx, writes, nil)
	return err
}

// BatchThen implements [collect.Store] in one transaction.
func (e *Embedded) BatchThen(ctx context.Context, batch, then []collect.Write) ([]collect.Written, error) {
	if err := checkBatch(batch); err != nil {
		return nil, fmt.Errorf("write batch: %w", err)
	}
	if len(batch)+len(then) == 0 {
		return nil, nil
	}
	limits := make([]error, len(then))
	for i := range then {
		if err := checkBatch(then[i : i+1]); err != nil {
			limits[i] = fmt.Errorf("write row: %w", err)
		}
	}
	var written []collect.Written
	var refused error
	err := e.update(ctx, func(tx *bbolt.Tx) (err error) {
		written, refused = make([]collect.Written, len(then)), nil
		if _, refused, err = apply(tx, batch); refused != nil || err != nil {
			return err
		}
		for i := range then {
			w := &written[i]
			if w.Err = limits[i]; w.Err != nil {
				continue
			}
			var versions []string
			if versions, w.Err, err = apply(tx, then[i:i+1]); err != nil {
				return err
			}
			if w.Err == nil {
				w.Version = versions[0]
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", show(append(batch[:len(batch):len(batch)], then...)[0].Row.Key), err)
	}
	return written, refused
}

// apply looks at every row first and writes only if all may be written, so that
// a refusal undoes nothing of those who share the transaction.
func apply(tx *bbolt.Tx, writes []collect.Write) (versions []string, refused, err error) {
	if len(writes) == 0 {
		return nil, nil, nil
	}
	bucket, err := tx.CreateBucketIfNotExists(bucketName(writes[0].Row.Kind))
	if err != nil {
		return nil, nil, err
	}
	bucket.FillPercent = fullPages
	for _, w := range writes {
		if refused := admit(bucket, w); refused != nil {
			return nil, refused, nil
		}
	}
	versions = make([]string, len(writes))
	for i, w := range writes {
		if versions[i], err = put(bucket, w); err != nil {
			return nil, nil, err
		}
	}
	return versions, nil, nil
}
