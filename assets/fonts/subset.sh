#!/bin/sh
# Makes the four font files here from their upstream releases. Needed only when a character or an
# icon is added: the results are committed.
#
#   subset.sh INTER_VARIABLE.woff2 PHOSPHOR_REGULAR.ttf PHOSPHOR_FILL.ttf NOTO_EMOJI_REGULAR.ttf
#
# They come from the npm packages inter-ui 4.1.1 (variable/InterVariable.woff2) and
# @phosphor-icons/web 2.1.2 (src/regular/Phosphor.ttf, src/fill/Phosphor-Fill.ttf) and
# @expo-google-fonts/noto-emoji 0.4.7 (400Regular/NotoEmoji_400Regular.ttf, version 3.006).
# Needs fonttools and brotli: pip install fonttools brotli
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# Latin, Greek, Cyrillic, and the punctuation and signs that sentences need.
letters='U+0020-007E,U+00A0-024F,U+0259,U+02BC,U+02C6-02DD,U+0300-036F,U+0370-03FF,U+0400-045F,U+0490-0491,U+04D8-04D9,U+1E00-1EFF,U+2010-2027,U+202F-203A,U+2044,U+20AC,U+2116,U+2122,U+2190-2193,U+2212,U+2248,U+2260,U+2264-2265,U+21E7,U+2318,U+FFFD'
fonttools ttLib.woff2 decompress -o "$work/inter.ttf" "$1"
# The window uses weights 420 to 660 only.
fonttools varLib.instancer "$work/inter.ttf" wght=400:700 -o "$work/limited.ttf"
pyftsubset "$work/limited.ttf" --unicodes="$letters" --no-hinting --drop-tables+=STAT \
    --layout-features=kern,mark,mkmk,ccmp,locl,liga,calt,tnum --output-file="$here/InterVariable.ttf"

icons=$(sed -n "s/.*Self('\\\\u{\([0-9a-f]*\)}').*/U+\1/p" "$here/../../src/ui/icons.rs" | paste -sd, -)
pyftsubset "$2" --unicodes="$icons" --layout-features= --output-file="$here/Phosphor.ttf"
pyftsubset "$3" --unicodes="$icons" --layout-features= --output-file="$here/Phosphor-Fill.ttf"

# The pictures beside safety words.
emoji=$(sed -n "s/.*emoji('\\\\u{\([0-9a-f]*\)}'.*/U+\1/p" "$here/../../src/trust/emoji.rs" | paste -sd, -)
pyftsubset "$4" --unicodes="$emoji" --no-hinting --drop-tables+=STAT,vhea,vmtx --layout-features= \
    --output-file="$here/NotoEmoji.ttf"
