package floors_test

// A dependency is an outside module that our code imports.
type dependency struct {
	reason    string   // the short form of the one in docs/design.md
	importers []string // who may import it, beside tests
	tests     bool     // for tests of every package
}

var dependencies = map[string]dependency{
	"github.com/Azure/azure-sdk-for-go/sdk/azcore": {
		reason:    "the vocabulary of the four Azure modules below: credentials, policies, response errors",
		importers: []string{"functions", "internal/microsoft", "internal/state"},
	},
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity": {
		reason:    "tokens by secret, certificate and managed identity: nobody writes these protocols twice",
		importers: []string{"functions", "internal/microsoft"},
	},
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables": {
		reason:    "Table Storage: rows",
		importers: []string{"internal/state"},
	},
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob": {
		reason:    "Blob Storage: payloads over a row's limit, verified packages",
		importers: []string{"internal/state"},
	},
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue": {
		reason:    "Storage Queue: wakes a content's function",
		importers: []string{"internal/sim/host", "internal/state"},
	},
	"github.com/alecthomas/kong": {
		reason:    "the command line as one struct",
		importers: []string{"functions", "internal/bench", "internal/chaos", "internal/release/tool", "internal/sim/simulator"},
	},
	"github.com/klauspost/compress": {
		reason:    "zlib and gzip in less processor time than the standard library's",
		importers: []string{"internal/alertlogic", "internal/bench/bare", "internal/microsoft"},
	},
	"github.com/robfig/cron/v3": {
		reason:    "reads the schedules of function.json for serve",
		importers: []string{"functions"},
	},
	"github.com/sirupsen/logrus": {
		reason:    "structured logs, as text for people and JSON for machines",
		importers: []string{"functions"},
	},
	"go.etcd.io/bbolt": {
		reason:    "the embedded store: one file, transactions, no cgo",
		importers: []string{"internal/state"},
	},
	"golang.org/x/mod": {
		reason:    "semver: the order of versions, candidates and all",
		importers: []string{"internal/release"},
	},
	"golang.org/x/time": {
		reason:    "the token bucket behind O365_REQUESTS_PER_MINUTE",
		importers: []string{"internal/microsoft"},
	},
	"google.golang.org/protobuf": {
		reason:    "the wire format, and the varints of our own encodings",
		importers: []string{"internal/alertlogic", "internal/bench/bare", "internal/sim", "internal/state", "proto"},
	},
	"software.sslmate.com/src/go-pkcs12": {
		reason:    "reads the PFX files that OpenSSL 3 writes; x/crypto/pkcs12 does not",
		importers: []string{"internal/microsoft"},
	},
	"github.com/google/go-cmp": {
		reason: "readable differences in tests",
		tests:  true,
	},
	"github.com/rogpeppe/go-internal": {
		reason: "testscript: tests of the whole program as text",
		tests:  true,
	},
}

// indirect modules come with those above; each names one that brings it.
var indirect = map[string]string{
	"github.com/Azure/azure-sdk-for-go/sdk/internal":             "github.com/Azure/azure-sdk-for-go/sdk/azcore",
	"github.com/AzureAD/microsoft-authentication-library-for-go": "github.com/Azure/azure-sdk-for-go/sdk/azidentity",
	"github.com/golang-jwt/jwt/v5":                               "github.com/AzureAD/microsoft-authentication-library-for-go",
	"github.com/google/uuid":                                     "github.com/AzureAD/microsoft-authentication-library-for-go",
	"github.com/kylelemons/godebug":                              "github.com/AzureAD/microsoft-authentication-library-for-go",
	"github.com/pkg/browser":                                     "github.com/AzureAD/microsoft-authentication-library-for-go",
	"golang.org/x/crypto":                                        "github.com/Azure/azure-sdk-for-go/sdk/azidentity",
	"golang.org/x/net":                                           "github.com/Azure/azure-sdk-for-go/sdk/internal",
	"golang.org/x/sync":                                          "github.com/AzureAD/microsoft-authentication-library-for-go",
	"golang.org/x/sys":                                           "go.etcd.io/bbolt",
	"golang.org/x/text":                                          "golang.org/x/net",
	"golang.org/x/tools":                                         "github.com/rogpeppe/go-internal",
}
