package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// deployedPackage is the name under which Flex Consumption keeps the package that it
// runs (Microsoft's "Deployment technologies in Azure Functions", "One deploy").
const deployedPackage = "released-package.zip"

// packageName is that of our own blobs, and of nobody else's.
var packageName = regexp.MustCompile(`^([0-9a-f]{64})\.zip$`)

// nameOf makes a blob's name of a hash, which comes from a row: a stranger's word.
func nameOf(sha string) (string, error) {
	if name := sha + ".zip"; packageName.MatchString(name) {
		return name, nil
	}
	return "", fmt.Errorf("%.70q is no SHA-256: it must be 64 digits of 0-9 and a-f", sha)
}

// Put keeps a package under its hash. Again is harmless: the same name has the same
// bytes.
func (p *Packages) Put(ctx context.Context, sha string, pkg []byte) error {
	name, err := nameOf(sha)
	if err != nil {
		return fmt.Errorf("store a package: %w", err)
	}
	doing := "store package " + name
	if sum := sumOf(pkg); sum != sha {
		return fmt.Errorf("%s: the SHA-256 of its bytes is %s", doing, sum)
	}
	if len(pkg) > p.limit {
		return fmt.Errorf("%s: it has more than %d bytes", doing, p.limit)
	}
	return p.Retry.Do(ctx, func(ctx context.Context) error {
		_, err := p.blobs.UploadBuffer(ctx, p.place.container, name, pkg, nil)
		return judgePackages(doing, packageWriter, err)
	})
}

// Get reads a package; its bytes have that hash. [collect.ErrNotFound].
func (p *Packages) Get(ctx context.Context, sha string) ([]byte, error) {
	name, err := nameOf(sha)
	if err != nil {
		return nil, fmt.Errorf("read a package: %w", err)
	}
	doing := "read package " + name
	pkg, err := p.download(ctx, doing, name)
	if err != nil {
		return nil, err
	}
	if sum := sumOf(pkg); sum != sha {
		return nil, judgePackages(doing, packageWriter, broken("the SHA-256 of its bytes is %s: somebody else writes to UPDATE_PACKAGE_CONTAINER", sum))
	}
	return pkg, nil
}

// Deployed reads the package that Flex Consumption runs. [collect.ErrNotFound].
func (p *Packages) Deployed(ctx context.Context) ([]byte, error) {
	return p.download(ctx, "read the deployed package "+deployedPackage, deployedPackage)
}

func (p *Packages) download(ctx context.Context, doing, name string) (pkg []byte, err error) {
	var missing bool
	err = p.Retry.Do(ctx, func(ctx context.Context) error {
		resp, err := p.blobs.DownloadStream(ctx, p.place.container, name, nil)
		if err == nil {
			pkg, err = p.take(resp)
		}
		if missing = read(err).code == codeBlobNotFound; missing {
			return nil
		}
		return judgePackages(doing, packageWriter, err)
	})
	if missing {
		err = fmt.Errorf("%s: %w", doing, collect.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return pkg, nil
}

// take reads a body that may claim any length, or none.
func (p *Packages) take(resp azblob.DownloadStreamResponse) (pkg []byte, err error) {
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.ContentLength == nil || *resp.ContentLength <= int64(p.limit) {
		length := int64(-1)
		if resp.ContentLength != nil {
			length = *resp.ContentLength
		}
		pkg, err = wire.ReadAll(resp.Body, length, p.limit)
		if err != nil || len(pkg) <= p.limit {
			return pkg, err
		}
	}
	return nil, broken("it has more than %d bytes, and no package of ours has", p.limit)
}

// Prune deletes our packages that are not named. It touches nothing else.
func (p *Packages) Prune(ctx context.Context, keep ...string) error {
	for _, sha := range keep {
		if _, err := nameOf(sha); err != nil {
			return fmt.Errorf("delete old packages: %w", err)
		}
	}
	for marker := (*string)(nil); ; {
		page, err := p.list(ctx, marker)
		if err != nil {
			return err
		}
		for _, name := range stale(page, keep) {
			if err := p.drop(ctx, name); err != nil {
				return err
			}
		}
		if marker = page.NextMarker; marker == nil || *marker == "" {
			return nil
		}
	}
}

// stale are the names of our packages in a page, without those to keep.
func stale(page azblob.ListBlobsFlatResponse, keep []string) (names []string) {
	if page.Segment == nil {
		return nil
	}
	for _, item := range page.Segment.BlobItems {
		if item.Name == nil {
			continue
		}
		parts := packageName.FindStringSubmatch(*item.Name)
		if parts != nil && !slices.Contains(keep, parts[1]) {
			names = append(names, *item.Name)
		}
	}
	return names
}

// list reads one page. A pager is used for one only: it ends for good at the first error.
func (p *Packages) list(ctx context.Context, marker *string) (page azblob.ListBlobsFlatResponse, err error) {
	err = p.Retry.Do(ctx, func(ctx context.Context) (err error) {
		page, err = p.blobs.NewListBlobsFlatPager(p.place.container, &azblob.ListBlobsFlatOptions{Marker: marker}).NextPage(ctx)
		return judgePackages("list the packages", packageWriter, err)
	})
	return page, err
}

func (p *Packages) drop(ctx context.Context, name string) error {
	return p.Retry.Do(ctx, func(ctx context.Context) error {
		_, err := p.blobs.DeleteBlob(ctx, p.place.container, name, nil)
		if read(err).code == codeBlobNotFound {
			return nil
		}
		return judgePackages("delete package "+name, packageWriter, err)
	})
}

func sumOf(pkg []byte) string {
	sum := sha256.Sum256(pkg)
	return hex.EncodeToString(sum[:])
}
