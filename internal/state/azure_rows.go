package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"azcollector/internal/collect"
)

// Get implements [collect.Store].
func (a *Azure) Get(ctx context.Context, key collect.Key) (row collect.Row, err error) {
	if err := checkKey(key); err != nil {
		return row, fmt.Errorf("get row: %w", err)
	}
	err = a.again(ctx, func(ctx context.Context) (err error) {
		row, _, err = a.look(ctx, key)
		return err
	})
	return row, err
}

// look reads a row once, with the nonce of its writer.
func (a *Azure) look(ctx context.Context, key collect.Key) (row collect.Row, nonce string, err error) {
	doing := "get " + show(key)
	resp, err := a.tables.NewClient(key.Kind).GetEntity(ctx, key.Partition, key.Row, nil)
	switch {
	case err == nil:
		row, nonce, err = fromEntity(key.Kind, resp.Value)
		if err == nil && row.Key != key {
			err = fmt.Errorf("%s: the answer holds another row", doing)
		}
		row.Version = string(resp.ETag)
		return row, nonce, err
	case isNoRow(read(err)):
		return collect.Row{Key: key}, "", fmt.Errorf("%s: %w", doing, collect.ErrNotFound)
	}
	return collect.Row{Key: key}, "", judge(doing, tables, err)
}

// Insert implements [collect.Store].
func (a *Azure) Insert(ctx context.Context, row collect.Row) (version string, err error) {
	nonce := rand.Text()
	entity, err := a.prepare(row, nonce)
	if err != nil {
		return "", fmt.Errorf("insert row: %w", err)
	}
	doing := "insert " + show(row.Key)
	write := func(ctx context.Context) error {
		err := orMake(codeTableNotFound, codeTableExists, func() error {
			resp, err := a.tables.NewClient(row.Kind).AddEntity(ctx, entity, nil)
			version = string(resp.ETag)
			return err
		}, func() error { return a.createTable(ctx, row.Kind) })
		if read(err).code == codeEntityExists {
			return fmt.Errorf("%s: %w", doing, collect.ErrExists)
		}
		return judge(doing, tables, err)
	}
	err = a.settle(ctx, row.Key, nonce, &version, write)
	return version, err
}

// Replace implements [collect.Store].
func (a *Azure) Replace(ctx context.Context, row collect.Row) (version string, err error) {
	nonce := rand.Text()
	entity, err := a.prepare(row, nonce)
	if err != nil {
		return "", fmt.Errorf("replace row: %w", err)
	}
	doing := "replace " + show(row.Key)
	if !isETag(row.Version) {
		return "", fmt.Errorf("%s: %w", doing, collect.ErrChanged)
	}
	etag := azcore.ETag(row.Version)
	write := func(ctx context.Context) error {
		resp, err := a.tables.NewClient(row.Kind).UpdateEntity(ctx, entity,
			&aztables.UpdateEntityOptions{IfMatch: &etag, UpdateMode: aztables.UpdateModeReplace})
		version = string(resp.ETag)
		if a := read(err); isNoRow(a) || a.status == http.StatusPreconditionFailed {
			return fmt.Errorf("%s: %w", doing, collect.ErrChanged)
		}
		return judge(doing, tables, err)
	}
	err = a.settle(ctx, row.Key, nonce, &version, write)
	return version, err
}

func (a *Azure) prepare(row collect.Row, nonce string) ([]byte, error) {
	if _, err := checkRow(row); err != nil {
		return nil, err
	}
	return toEntity(row, nonce)
}

// isETag tells a version of ours from "", which the SDK would send as "*", and
// from "*" itself: both would overwrite whatever is there.
func isETag(version string) bool { return strings.HasPrefix(version, `W/"`) }

// settle repeats a write until it is known whether it happened. Once an attempt
// ended without an answer, a later refusal may be the echo of that attempt's
// success: the nonce in the row tells. A crash in between leaves a row that the
// next process finds, as after any write.
func (a *Azure) settle(ctx context.Context, key collect.Key, nonce string, version *string, write func(context.Context) error) error {
	doubt := false
	err := a.again(ctx, func(ctx context.Context) error {
		err := write(ctx)
		doubt = doubt || isUnknown(err)
		if err == nil || !doubt || ctx.Err() != nil {
			return err
		}
		row, by, lookErr := a.look(ctx, key)
		switch {
		case lookErr == nil && by == nonce:
			*version = row.Version
			return nil
		case lookErr == nil, errors.Is(lookErr, collect.ErrNotFound):
			return err
		}
		return lookErr // an answer that was not checked is none
	})
	if err != nil {
		*version = ""
	}
	return err
}

// orMake calls call, and if it says that what it needs is missing, makes that and
// calls once more. Somebody else making it at the same time is as good.
func orMake(missing, exists string, call, create func() error) error {
	err := call()
	if read(err).code != missing {
		return err
	}
	if err := create(); err != nil && read(err).code != exists {
		return err
	}
	return call()
}

func (a *Azure) createTable(ctx context.Context, kind string) error {
	_, err := a.tables.CreateTable(ctx, kind, nil)
	return err
}

// Delete implements [collect.Store]. It needs no nonce: what a first attempt
// removed is gone for the second one, and that is no error.
func (a *Azure) Delete(ctx context.Context, key collect.Key, version string) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("delete row: %w", err)
	}
	doing := "delete " + show(key)
	etag := azcore.ETagAny
	if version != "" {
		if etag = azcore.ETag(version); !isETag(version) {
			return fmt.Errorf("%s: %w", doing, collect.ErrChanged)
		}
	}
	return a.again(ctx, func(ctx context.Context) error {
		_, err := a.tables.NewClient(key.Kind).DeleteEntity(ctx, key.Partition, key.Row, &aztables.DeleteEntityOptions{IfMatch: &etag})
		switch a := read(err); {
		case isNoRow(a):
			return nil
		case a.status == http.StatusPreconditionFailed:
			return fmt.Errorf("%s: %w", doing, collect.ErrChanged)
		}
		return judge(doing, tables, err)
	})
}
