// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const (
	// maxYAMLNodes bounds the values a document becomes once its aliases are
	// followed: a few lines of aliases can stand for billions.
	maxYAMLNodes = 1 << 20
	// maxYAMLDepth bounds nesting, aliases followed.
	maxYAMLDepth = 1000
)

// FromYAML reads a jobspec from a YAML document (RFC 14). Merge keys and
// tagged values other than the plain ones are refused.
func FromYAML(data []byte) (*Jobspec, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, errorf("", "invalid YAML: %v", err)
	}
	if len(doc.Content) != 1 {
		return nil, errorf("", "jobspec must be a YAML mapping")
	}
	c := yamlConverter{left: maxYAMLNodes}
	raw, err := c.value(nil, doc.Content[0], 1)
	if err != nil {
		return nil, err
	}
	return Parse(raw)
}

// yamlConverter turns YAML into JSON, which has the one parser of jobspecs.
type yamlConverter struct{ left int }

func (c *yamlConverter) value(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	if c.left--; c.left < 0 || depth > maxYAMLDepth {
		return nil, yamlError(n, "document is too large or nested too deeply")
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.value(dst, n.Alias, depth+1)
	case yaml.MappingNode:
		return c.mapping(dst, n, depth)
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, item := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = c.value(dst, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	return yamlScalar(dst, n)
}

func (c *yamlConverter) mapping(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	dst = append(dst, '{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return nil, yamlError(key, "mapping keys must be plain scalars")
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(quote(dst, key.Value), ':')
		var err error
		if dst, err = c.value(dst, value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func yamlScalar(dst []byte, n *yaml.Node) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return append(dst, "null"...), nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return strconv.AppendBool(dst, b), nil
		}
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			return strconv.AppendInt(dst, i, 10), nil
		}
	case "!!float":
		var f float64
		if n.Decode(&f) == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return appendFloat(dst, f), nil
		}
	case "!!str", "!!timestamp":
		return quote(dst, n.Value), nil
	}
	return nil, yamlError(n, fmt.Sprintf("unsupported value %.64q", n.Value))
}

func yamlError(n *yaml.Node, msg string) error {
	return errorf("", "invalid YAML: line %d: %s", n.Line, msg)
}
