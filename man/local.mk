# SPDX-License-Identifier: BSD-2-Clause
# mdoc pages, one a line.

dist_man_MANS =
