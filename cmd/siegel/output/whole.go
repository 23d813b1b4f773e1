package output

import "reflect"

// Whole returns a copy of a result in which lists without elements are empty and
// not nil, so that JSON has [] for them and programs need no second case.
func Whole(v any) any { return whole(reflect.ValueOf(v)).Interface() }

func whole(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v // octets
		}
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			list.Index(i).Set(whole(v.Index(i)))
		}
		return list
	case reflect.Struct:
		copied := reflect.New(v.Type()).Elem()
		copied.Set(v)
		for i := range v.NumField() {
			if f := copied.Field(i); f.CanSet() {
				f.Set(whole(f))
			}
		}
		return copied
	default:
		return v
	}
}
