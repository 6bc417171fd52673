// SPDX-License-Identifier: LGPL-3.0-or-later

package compose

func provideStore(Env) {}
