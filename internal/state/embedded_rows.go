package state

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"azcollector/internal/collect"
)

// bucketName folds case, because the names of tables do.
func bucketName(kind string) []byte { return []byte(strings.ToLower(kind)) }

// rowKey keeps the rows of a partition together and in byte order: no legal key
// holds a zero byte.
func rowKey(partition, row string) []byte { return []byte(partition + "\x00" + row) }

// Get implements [collect.Store].
func (e *Embedded) Get(ctx context.Context, key collect.Key) (collect.Row, error) {
	row := collect.Row{Key: key}
	if err := checkKey(key); err != nil {
		return row, fmt.Errorf("get row: %w", err)
	}
	err := e.view(ctx, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketName(key.Kind))
		if bucket == nil {
			return collect.ErrNotFound
		}
		name := rowKey(key.Partition, key.Row)
		value := bucket.Get(name)
		if value == nil {
			return collect.ErrNotFound
		}
		version, fields, err := open(name, value)
		row.Version, row.Fields = formatVersion(version), fields
		return err
	})
	if err != nil {
		return collect.Row{Key: key}, fmt.Errorf("get %s: %w", show(key), err)
	}
	return row, nil
}

// Insert implements [collect.Store].
func (e *Embedded) Insert(ctx context.Context, row collect.Row) (string, error) {
	return e.write(ctx, collect.Write{Op: collect.OpInsert, Row: row})
}

// Replace implements [collect.Store].
func (e *Embedded) Replace(ctx context.Context, row collect.Row) (string, error) {
	return e.write(ctx, collect.Write{Op: collect.OpReplace, Row: row})
}

// Delete implements [collect.Store].
func (e *Embedded) Delete(ctx context.Context, key collect.Key, version string) error {
	_, err := e.write(ctx, collect.Write{Op: collect.OpDelete, Row: collect.Row{Key: key, Version: version}})
	return err
}

// admit says whether a write may happen.
func admit(bucket *bbolt.Bucket, w collect.Write) error {
	name := rowKey(w.Row.Partition, w.Row.Row)
	value := bucket.Get(name)
	switch {
	case w.Op == collect.OpInsert && value != nil:
		return fmt.Errorf("insert %s: %w", show(w.Row.Key), collect.ErrExists)
	case w.Op == collect.OpInsert,
		w.Op == collect.OpDelete && (value == nil || w.Row.Version == ""):
		return nil
	case value == nil:
		return fmt.Errorf("replace %s: %w", show(w.Row.Key), collect.ErrChanged)
	}
	value, err := unseal(name, value)
	if err != nil {
		return fmt.Errorf("write %s: %w", show(w.Row.Key), err)
	}
	version, err := versionOf(value)
	switch {
	case err != nil:
		return fmt.Errorf("write %s: %w", show(w.Row.Key), err)
	case formatVersion(version) != w.Row.Version:
		return fmt.Errorf("write %s: %w", show(w.Row.Key), collect.ErrChanged)
	}
	return nil
}

// put draws the version from the bucket's counter: it goes up only, so a row
// deleted and inserted again never has a version that somebody still holds.
func put(bucket *bbolt.Bucket, w collect.Write) (string, error) {
	key := rowKey(w.Row.Partition, w.Row.Row)
	if w.Op == collect.OpDelete {
		return "", bucket.Delete(key)
	}
	version, err := bucket.NextSequence()
	if err != nil {
		return "", err
	}
	return formatVersion(version), bucket.Put(key, seal(key, version, w.Row.Fields))
}

func formatVersion(version uint64) string { return strconv.FormatUint(version, 36) }
