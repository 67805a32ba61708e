package floors_test

// tools are programs that build or check this repository, pinned in go.mod. None of them
// is in the program that users run, but each runs on the machine that makes it.
var tools = map[string]string{
	"google.golang.org/protobuf/cmd/protoc-gen-go": "makes proto/ingest.pb.go (scripts/generate)",
	"honnef.co/go/tools/cmd/staticcheck":           "static analysis: what is wrong or useless (scripts/check)",
	"github.com/securego/gosec/v2/cmd/gosec":       "static analysis: what is unsafe (scripts/check); its last version without clients of language models",
}

// toolModules are only there for a tool, and the tool that brings each.
var toolModules = map[string]string{
	"github.com/BurntSushi/toml":    "honnef.co/go/tools/cmd/staticcheck",
	"golang.org/x/exp/typeparams":   "honnef.co/go/tools/cmd/staticcheck",
	"honnef.co/go/tools":            "honnef.co/go/tools/cmd/staticcheck",
	"github.com/ccojocar/zxcvbn-go": "github.com/securego/gosec/v2/cmd/gosec",
	"github.com/gookit/color":       "github.com/securego/gosec/v2/cmd/gosec",
	"github.com/kr/text":            "github.com/securego/gosec/v2/cmd/gosec",
	"github.com/securego/gosec/v2":  "github.com/securego/gosec/v2/cmd/gosec",
	"github.com/xo/terminfo":        "github.com/securego/gosec/v2/cmd/gosec",
	"gopkg.in/yaml.v3":              "github.com/securego/gosec/v2/cmd/gosec",
}
