package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// stamp puts a release's version and home into the URLs of the template, the portal
// form and the README, which in the repository have the stand-in's.
type stamp struct {
	Was     string `required:"" help:"The home that the file has."`
	Home    string `required:"" help:"The home to have."`
	Version string `required:"" help:"The release's version."`
	Package string `help:"What the template's packageUri must then be."`
	File    string `arg:"" type:"existingfile"`
}

// version is a semantic version inside a URL or file name; _ and / end it.
const version = `[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?`

func (c *stamp) Run(out io.Writer) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("stamp: %w", err)
	}
	stamped := c.stamp(text)
	if err := c.checkHome(stamped); err != nil {
		return fmt.Errorf("stamp %s: %w", filepath.Base(c.File), err)
	}
	if c.Package != "" {
		if err := checkTemplate(stamped, c.Package); err != nil {
			return fmt.Errorf("stamp %s: %w", filepath.Base(c.File), err)
		}
	}
	_, err = out.Write(stamped)
	return err
}

// stamp also finds URLs inside the parameters of another one, where they are
// escaped: such is the button that opens the portal's form.
func (c *stamp) stamp(text []byte) []byte {
	for _, escape := range []func(string) string{func(s string) string { return s }, url.QueryEscape} {
		was, home, v, slash := escape(c.Was), escape(c.Home), escape("/v"), escape("/")
		versioned := regexp.MustCompile(regexp.QuoteMeta(was+v) + version + regexp.QuoteMeta(slash) + `(azcollector_` + version + `)?`)
		text = versioned.ReplaceAllFunc(text, func(found []byte) []byte {
			to := was + v + escape(c.Version) + slash
			if versioned.FindSubmatch(found)[1] != nil {
				to += "azcollector_" + escape(c.Version)
			}
			return []byte(to)
		})
		text = regexp.MustCompile(regexp.QuoteMeta(was)).ReplaceAllLiteral(text, []byte(home))
	}
	return text
}

// checkHome makes sure that nothing leads to where the release does not lie, whatever
// form a URL of the old home may have.
func (c *stamp) checkHome(stamped []byte) error {
	was, err := url.Parse(c.Was)
	if err != nil || was.Host == "" {
		return fmt.Errorf("--was is %q: must be a URL", c.Was)
	}
	rest := strings.NewReplacer(c.Home, "", url.QueryEscape(c.Home), "").Replace(string(stamped))
	if before, after, found := strings.Cut(rest, was.Host); found {
		where := before[max(0, len(before)-20):] + was.Host + after[:min(20, len(after))]
		return fmt.Errorf("%q leads to %s, where the release does not lie: write a URL below %s", where, was.Host, c.Was)
	}
	return nil
}

// checkTemplate makes sure that what the template deploys is this release.
func checkTemplate(text []byte, want string) error {
	var template struct {
		Parameters struct {
			PackageURI struct {
				DefaultValue string `json:"defaultValue"`
			} `json:"packageUri"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(text, &template); err != nil {
		return fmt.Errorf("parse the template: %w", err)
	}
	if got := template.Parameters.PackageURI.DefaultValue; got != want {
		return fmt.Errorf("the default of packageUri is %q, want %q: in the repository it must be of that form with the stand-in home", got, want)
	}
	return nil
}
