package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"azcollector/internal/collect"
)

// Batch implements [collect.Store] with an entity group transaction.
func (a *Azure) Batch(ctx context.Context, writes []collect.Write) error {
	if len(writes) == 0 {
		return nil
	}
	if err := checkBatch(writes); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	nonce := rand.Text()
	actions, err := toActions(writes, nonce)
	if err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	b := &transaction{azure: a, writes: slices.Clone(writes), actions: actions,
		doing: fmt.Sprintf("write batch of %d to %s %s", len(writes), writes[0].Row.Kind, writes[0].Row.Partition)}
	witness := slices.IndexFunc(writes, func(w collect.Write) bool { return w.Op != collect.OpDelete })
	if witness < 0 {
		// Deletes alone: repeated, they find their rows gone, and that is no error.
		return a.again(ctx, b.submit)
	}
	var version string // of the witness, which tells for all: a transaction is atomic
	return a.settle(ctx, writes[witness].Row.Key, nonce, &version, b.submit)
}

// BatchThen implements [collect.Store]: there is no transaction over partitions.
func (a *Azure) BatchThen(ctx context.Context, batch, then []collect.Write) ([]collect.Written, error) {
	return collect.InSteps(ctx, a, batch, then)
}

func toActions(writes []collect.Write, nonce string) ([]aztables.TransactionAction, error) {
	actions := make([]aztables.TransactionAction, len(writes))
	for i, w := range writes {
		row, etag := w.Row, azcore.ETagAny
		if w.Op == collect.OpReplace || w.Op == collect.OpDelete && row.Version != "" {
			if etag = azcore.ETag(row.Version); !isETag(row.Version) {
				return nil, fmt.Errorf("write %s: %w", show(row.Key), collect.ErrChanged)
			}
		}
		action := aztables.TransactionAction{IfMatch: &etag}
		switch w.Op {
		case collect.OpInsert:
			action = aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd}
		case collect.OpReplace:
			action.ActionType = aztables.TransactionTypeUpdateReplace
		case collect.OpDelete:
			action.ActionType = aztables.TransactionTypeDelete
			row.Fields = nil
		}
		entity, err := toEntity(row, nonce)
		if err != nil {
			return nil, err
		}
		action.Entity = entity
		actions[i] = action
	}
	return actions, nil
}

// A transaction is a batch on its way; deletes of rows that are gone leave it.
type transaction struct {
	azure   *Azure
	doing   string
	writes  []collect.Write
	actions []aztables.TransactionAction // one for each write
}

// submit sends the transaction once, and again for as long as rows to be deleted
// turn out to be gone: Table Storage refuses the whole for them.
func (t *transaction) submit(ctx context.Context) error {
	for len(t.actions) > 0 {
		kind := t.writes[0].Row.Kind
		err := orMake(codeTableNotFound, codeTableExists,
			func() error { return send(ctx, t.azure.tables.NewClient(kind), t.actions) },
			func() error { return t.azure.createTable(ctx, kind) })
		switch a := read(err); {
		case a.code == codeEntityExists:
			return fmt.Errorf("%s: %w", t.doing, collect.ErrExists)
		case a.status == http.StatusPreconditionFailed:
			return fmt.Errorf("%s: %w", t.doing, collect.ErrChanged)
		case !isNoRow(a) || a.code == codeTableNotFound:
			return judge(t.doing, tables, err)
		}
		dropped, err := t.dropGone(ctx)
		if err != nil {
			return err
		}
		if !dropped { // so it was a row to be replaced
			return fmt.Errorf("%s: %w", t.doing, collect.ErrChanged)
		}
	}
	return nil
}

// send guards against the SDK, which slices an answer without a first line out
// of its bounds: whoever sent that, the outcome is not known.
func send(ctx context.Context, table *aztables.Client, actions []aztables.TransactionAction) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the answer to a transaction is malformed")
		}
	}()
	_, err = table.SubmitTransaction(ctx, actions, nil)
	return err
}

// dropGone takes out the deletes of rows that are not there.
func (t *transaction) dropGone(ctx context.Context) (dropped bool, err error) {
	writes, actions := t.writes[:0:0], t.actions[:0:0]
	for i, w := range t.writes {
		if w.Op == collect.OpDelete {
			_, _, err := t.azure.look(ctx, w.Row.Key)
			if errors.Is(err, collect.ErrNotFound) {
				dropped = true
				continue
			}
			if err != nil {
				return false, err
			}
		}
		writes, actions = append(writes, w), append(actions, t.actions[i])
	}
	t.writes, t.actions = writes, actions
	return dropped, nil
}
