package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"azcollector/internal/collect"
)

// Whatever is changed in a sealed row, or in the key it stands under, is found.
func TestSeal(t *testing.T) {
	key, fields := rowKey("p", "r"), collect.Fields{"State": "pending", "N": int64(7)}
	row := seal(key, 3, fields)
	version, read, err := open(key, row)
	if diff := cmp.Diff(fields, read); err != nil || version != 3 || diff != "" {
		t.Fatalf("version %d, %v: %s", version, err, diff)
	}
	for bit := range 8 * len(row) {
		row[bit/8] ^= 1 << (bit % 8)
		if _, read, err := open(key, row); err == nil {
			t.Errorf("bit %d was flipped, and read as %v", bit, read)
		}
		row[bit/8] ^= 1 << (bit % 8)
	}
	if _, _, err := open(rowKey("p", "s"), row); err == nil {
		t.Error("it was read under another key")
	}
	if _, _, err := open(key, row[:sealSize-1]); err == nil {
		t.Error("half a seal was taken")
	}
}

// Rows that were written before there were seals are read, and sealed when they are
// written again.
func TestRowsWithoutASeal(t *testing.T) {
	dir := t.TempDir()
	key := collect.Key{Kind: "kind", Partition: "p", Row: "r"}
	name := rowKey(key.Partition, key.Row)
	s, err := OpenEmbedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = s.update(t.Context(), func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucket(bucketName(key.Kind))
		if err != nil {
			return err
		}
		version, err := bucket.NextSequence()
		if err != nil {
			return err
		}
		return bucket.Put(name, encode(version, collect.Fields{"N": int64(1)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if s, err = OpenEmbedded(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	row, err := s.Get(t.Context(), key)
	if err != nil || row.Fields["N"] != int64(1) {
		t.Fatalf("got %v, %v", row, err)
	}
	if _, err := s.Replace(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	_ = s.view(t.Context(), func(tx *bbolt.Tx) error {
		if value := tx.Bucket(bucketName(key.Kind)).Get(name); value[0] != numSeal {
			t.Errorf("it was written without a seal: %x", value)
		}
		return nil
	})
}
