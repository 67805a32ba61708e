package state

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"azcollector/internal/collect"
)

// nonceField holds what one call drew at random: who reads it back knows whose
// write it was.
const nonceField = "Nonce"

// toEntity writes a checked row as Table Storage wants it. A zero time is not
// written: year 1 is before the first Edm.DateTime.
func toEntity(row collect.Row, nonce string) ([]byte, error) {
	entity := aztables.EDMEntity{
		Entity:     aztables.Entity{PartitionKey: row.Partition, RowKey: row.Row},
		Properties: map[string]any{nonceField: nonce},
	}
	for name, value := range row.Fields {
		switch v := value.(type) {
		case int64:
			value = aztables.EDMInt64(v) // JSON numbers end at 2^31 there
		case []byte:
			value = aztables.EDMBinary(append([]byte{}, v...)) // nil would be null, and no property
		case time.Time:
			if v.IsZero() {
				continue
			}
			value = aztables.EDMDateTime(v.UTC()) // printed with a literal Z
		}
		entity.Properties[name] = value
	}
	out, err := json.Marshal(entity)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", show(row.Key), err)
	}
	return out, nil
}

// fromEntity reads a row, and the nonce of its last writer.
func fromEntity(kind string, value []byte) (row collect.Row, nonce string, err error) {
	var entity aztables.EDMEntity
	if err := json.Unmarshal(value, &entity); err != nil {
		return row, "", fmt.Errorf("decode a row of %s: %w", kind, oneLine{err})
	}
	row = collect.Row{
		Key:     collect.Key{Kind: kind, Partition: entity.PartitionKey, Row: entity.RowKey},
		Version: entity.ETag,
		Fields:  collect.Fields{},
	}
	for name, property := range entity.Properties {
		switch v := property.(type) {
		case string:
			if name == nonceField {
				nonce = v
				continue
			}
			row.Fields[name] = v
		case bool:
			row.Fields[name] = v
		case int32: // somebody else's; ours are Edm.Int64
			row.Fields[name] = int64(v)
		case aztables.EDMInt64:
			row.Fields[name] = int64(v)
		case aztables.EDMBinary:
			row.Fields[name] = []byte(v)
		case aztables.EDMDateTime:
			row.Fields[name] = time.Time(v).UTC()
		default:
			return row, "", fmt.Errorf("decode %s: field %q is a %T, which no azcollector wrote", show(row.Key), name, property)
		}
	}
	return row, nonce, nil
}
