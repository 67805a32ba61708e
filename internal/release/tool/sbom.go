package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// sbom prints a software bill of materials: CycloneDX 1.6, JSON
// (https://cyclonedx.org/docs/1.6/json/). The optional serial number and time are
// left out, so that the same modules give the same bytes.
type sbom struct {
	Version string `required:"" help:"The release's version."`
	platforms
}

type bom struct {
	Schema      string `json:"$schema"`
	Format      string `json:"bomFormat"`
	SpecVersion string `json:"specVersion"`
	Version     int    `json:"version"`
	Metadata    struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

func (c *sbom) Run(out io.Writer) error {
	modules, err := c.modules()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(c.bill(modules), "", "  ")
	if err != nil {
		return fmt.Errorf("encode the bill of materials: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

func (c *sbom) bill(modules []*module) bom {
	b := bom{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1}
	refs := map[string]string{}
	for _, m := range modules {
		part := component{Type: "library", Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version}
		part.Ref = part.PURL
		if m.Sum != "" { // a hash of the module's file list, so not one of the standard's hashes
			part.Properties = []property{{"go.sum", m.Sum}}
		}
		if m.ours() {
			part = component{Type: "application", Name: m.Path, Version: c.Version, Ref: m.Path + "@" + c.Version}
			b.Metadata.Component = part
		} else {
			b.Components = append(b.Components, part)
		}
		refs[m.Path] = part.Ref
	}
	for _, m := range modules {
		d := dependency{Ref: refs[m.Path]}
		for _, path := range slices.Sorted(maps.Keys(m.needs)) {
			d.On = append(d.On, refs[path])
		}
		b.Dependencies = append(b.Dependencies, d)
	}
	return b
}
