// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"math"

	"github.com/go-json-experiment/json/jsontext"
	lua "github.com/yuin/gopher-lua"

	"goflux/internal/message"
)

// toLua makes a Lua value of anything that has a JSON form.
func toLua(l *lua.LState, v any) lua.LValue {
	raw, ok := v.(jsontext.Value)
	if !ok {
		b, err := message.Marshal(v)
		if err != nil {
			l.RaiseError("%v", err)
		}
		raw = b
	}
	if len(raw) == 0 {
		return lua.LNil
	}
	var decoded any
	if err := message.Unmarshal(raw, &decoded); err != nil {
		l.RaiseError("%v", err)
	}
	return goToLua(l, decoded)
}

func goToLua(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		t := l.NewTable()
		for _, x := range v {
			t.Append(goToLua(l, x))
		}
		return t
	case map[string]any:
		t := l.NewTable()
		for k, x := range v {
			t.RawSetString(k, goToLua(l, x))
		}
		return t
	}
	return lua.LNil
}

// maxLuaDepth bounds how deep a table may be that becomes JSON: one can hold itself.
const maxLuaDepth = 32

// fromLua makes JSON of a Lua value. A table with a first element is an array.
func fromLua(v lua.LValue, depth int) (any, error) {
	if depth > maxLuaDepth {
		return nil, fmt.Errorf("the table is more than %d deep", maxLuaDepth)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		if f := float64(v); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f), nil
		}
		return float64(v), nil
	case lua.LString:
		return string(v), nil
	case *lua.LTable:
		return tableFromLua(v, depth)
	}
	return nil, fmt.Errorf("a %s has no JSON form", v.Type())
}

func tableFromLua(t *lua.LTable, depth int) (any, error) {
	if n := t.Len(); n > 0 {
		list := make([]any, 0, n)
		for i := 1; i <= n; i++ {
			x, err := fromLua(t.RawGetInt(i), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	}
	object := map[string]any{}
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		x, err := fromLua(v, depth+1)
		if err != nil {
			failed = err
		}
		object[k.String()] = x
	})
	return object, failed
}
