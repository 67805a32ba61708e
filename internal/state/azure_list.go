package state

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"azcollector/internal/collect"
)

// List implements [collect.Store].
func (a *Azure) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	return func(yield func(collect.Row, error) bool) {
		if err := checkKey(collect.Key{Kind: kind, Partition: partition, Row: from}); err != nil {
			yield(collect.Row{}, fmt.Errorf("list rows: %w", err))
			return
		}
		filter := fmt.Sprintf("PartitionKey eq '%s' and RowKey ge '%s'", partition, from) // checked keys hold no quote
		query := aztables.ListEntitiesOptions{Filter: &filter}
		for {
			page, err := a.page(ctx, kind, &query)
			if err != nil {
				yield(collect.Row{}, err)
				return
			}
			for _, entity := range page {
				row, _, err := fromEntity(kind, entity)
				if !yield(row, err) || err != nil {
					return
				}
			}
			if query.NextPartitionKey == nil {
				return
			}
		}
	}
}

// Partitions implements [collect.Store]. Table Storage keeps no list of its
// partitions, so each is asked for as that of the first row behind the one
// before: one short query a partition, however many rows it has.
func (a *Azure) Partitions(ctx context.Context, kind, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := checkFrom(kind, from); err != nil {
			yield("", fmt.Errorf("list partitions: %w", err))
			return
		}
		for than, last := "ge", from; ; than = "gt" {
			name, ok, err := a.firstPartition(ctx, kind, than, last)
			if ok && (name < last || name == last && than == "gt") { // it would never end
				err = fmt.Errorf("list partitions of %s: %.80q came in answer to %s %.80q", kind, name, than, last)
			}
			if err != nil {
				yield("", err)
				return
			}
			if !ok || !yield(name, nil) {
				return
			}
			last = name
		}
	}
}

// firstPartition is that of the first row whose partition is "ge" or "gt" than a
// name. A page may be empty and not the last: Table Storage ends one wherever it
// passes to another of its servers ("Query timeout and pagination").
func (a *Azure) firstPartition(ctx context.Context, kind, than, name string) (first string, ok bool, err error) {
	filter := fmt.Sprintf("PartitionKey %s '%s'", than, strings.ReplaceAll(name, "'", "''")) // it may be a stranger's row
	query := aztables.ListEntitiesOptions{Filter: &filter, Select: new("PartitionKey"), Top: new(int32(1))}
	for {
		page, err := a.page(ctx, kind, &query)
		if err != nil {
			return "", false, err
		}
		if len(page) > 0 {
			var row struct{ PartitionKey string }
			if err := json.Unmarshal(page[0], &row); err != nil {
				return "", false, fmt.Errorf("decode a partition of %s: %w", kind, oneLine{err})
			}
			return row.PartitionKey, true, nil
		}
		if query.NextPartitionKey == nil {
			return "", false, nil
		}
	}
}

// page reads one page and leaves in query where the next one begins. The SDK's
// pager is used for one page only: it ends for good at the first error.
func (a *Azure) page(ctx context.Context, kind string, query *aztables.ListEntitiesOptions) (entities [][]byte, err error) {
	var resp aztables.ListEntitiesResponse
	err = a.again(ctx, func(ctx context.Context) (err error) {
		resp, err = a.tables.NewClient(kind).NewListEntitiesPager(query).NextPage(ctx)
		if read(err).code == codeTableNotFound {
			resp = aztables.ListEntitiesResponse{}
			return nil
		}
		return judge("list "+kind, tables, err)
	})
	query.NextPartitionKey, query.NextRowKey = resp.NextPartitionKey, resp.NextRowKey
	return resp.Entities, err
}
