package state

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"azcollector/internal/collect"
)

// A page of a listing. Between pages no transaction is open: a long one would
// keep the file from giving pages free, and the consumer may write.
const (
	pageRows  = 256
	pageBytes = 1 << 20
	// manyPages is a listing that reads what is not needed again soon.
	manyPages = 8
)

// List implements [collect.Store].
func (e *Embedded) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	return func(yield func(collect.Row, error) bool) {
		if err := checkKey(collect.Key{Kind: kind, Partition: partition, Row: from}); err != nil {
			yield(collect.Row{}, fmt.Errorf("list rows: %w", err))
			return
		}
		next, pages := rowKey(partition, from), 0
		defer func() {
			if pages > manyPages {
				forgetPages(e.db)
			}
		}()
		for next != nil {
			pages++
			var page []collect.Row
			err := e.view(ctx, func(tx *bbolt.Tx) (err error) {
				page, next, err = readPage(tx.Bucket(bucketName(kind)), kind, partition, next)
				return err
			})
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if err != nil {
				yield(collect.Row{}, fmt.Errorf("list %s %s: %w", kind, partition, err))
				return
			}
		}
	}
}

// readPage also returns the key at which the next page begins, nil if this was the last.
func readPage(bucket *bbolt.Bucket, kind, partition string, from []byte) (page []collect.Row, next []byte, err error) {
	if bucket == nil {
		return nil, nil, nil
	}
	prefix := rowKey(partition, "")
	cursor := bucket.Cursor()
	size := 0
	for k, v := cursor.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
		if len(page) == pageRows || size >= pageBytes {
			return page, bytes.Clone(k), nil
		}
		key := collect.Key{Kind: kind, Partition: partition, Row: string(k[len(prefix):])}
		version, fields, err := open(k, v)
		if err != nil {
			return page, nil, fmt.Errorf("read %s: %w", show(key), err)
		}
		page = append(page, collect.Row{Key: key, Version: formatVersion(version), Fields: fields})
		size += len(k) + len(v)
	}
	return page, nil, nil
}

// Partitions implements [collect.Store]. It seeks from one to the next, in a
// transaction each, and reads none of the rows between.
func (e *Embedded) Partitions(ctx context.Context, kind, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := checkFrom(kind, from); err != nil {
			yield("", fmt.Errorf("list partitions: %w", err))
			return
		}
		for next := []byte(from); ; {
			var name []byte
			err := e.view(ctx, func(tx *bbolt.Tx) (err error) {
				name, err = seekPartition(tx.Bucket(bucketName(kind)), next)
				return err
			})
			if err != nil {
				yield("", fmt.Errorf("list partitions of %s: %w", kind, err))
				return
			}
			if name == nil || !yield(string(name), nil) {
				return
			}
			// Behind all its rows (their zero byte is less), before every longer name.
			next = append(name, 1)
		}
	}
}

// seekPartition returns the partition of the first row from a key on, nil if
// there is none.
func seekPartition(bucket *bbolt.Bucket, from []byte) ([]byte, error) {
	if bucket == nil {
		return nil, nil
	}
	key, _ := bucket.Cursor().Seek(from)
	if key == nil {
		return nil, nil
	}
	name, _, ok := bytes.Cut(key, []byte{0})
	if !ok {
		return nil, errDamagedRow
	}
	return bytes.Clone(name), nil
}
