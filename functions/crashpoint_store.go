//go:build crash

package main

import (
	"context"
	"time"

	"azcollector/internal/collect"
)

// crashingStore makes a step of every write. A step is named for what it does and for the
// kind of its first row.
func crashingStore(s collect.Store) collect.Store { return steppingStore{s, crashing()} }

type steppingStore struct {
	collect.Store
	crasher *crasher
}

func (s steppingStore) Insert(ctx context.Context, row collect.Row) (version string, err error) {
	s.crasher.around("store.insert."+row.Kind, func() { version, err = s.Store.Insert(ctx, row) })
	return version, err
}

func (s steppingStore) Replace(ctx context.Context, row collect.Row) (version string, err error) {
	s.crasher.around("store.replace."+row.Kind, func() { version, err = s.Store.Replace(ctx, row) })
	return version, err
}

func (s steppingStore) Delete(ctx context.Context, key collect.Key, version string) (err error) {
	s.crasher.around("store.delete."+key.Kind, func() { err = s.Store.Delete(ctx, key, version) })
	return err
}

func (s steppingStore) Batch(ctx context.Context, writes []collect.Write) (err error) {
	s.crasher.around("store.batch."+firstKind(writes), func() { err = s.Store.Batch(ctx, writes) })
	return err
}

func (s steppingStore) BatchThen(ctx context.Context, batch, then []collect.Write) (written []collect.Written, err error) {
	s.crasher.around("store.batchthen."+firstKind(append(batch[:len(batch):len(batch)], then...)), func() { written, err = s.Store.BatchThen(ctx, batch, then) })
	return written, err
}

func (s steppingStore) PutPayload(ctx context.Context, name string, body []byte) (err error) {
	s.crasher.around("store.putpayload", func() { err = s.Store.PutPayload(ctx, name, body) })
	return err
}

func (s steppingStore) DeletePayload(ctx context.Context, name string) (err error) {
	s.crasher.around("store.deletepayload", func() { err = s.Store.DeletePayload(ctx, name) })
	return err
}

func (s steppingStore) Wake(ctx context.Context, content collect.Key, at time.Time) (err error) {
	s.crasher.around("store.wake", func() { err = s.Store.Wake(ctx, content, at) })
	return err
}

func firstKind(writes []collect.Write) string {
	if len(writes) == 0 {
		return "nothing"
	}
	return writes[0].Row.Kind
}
