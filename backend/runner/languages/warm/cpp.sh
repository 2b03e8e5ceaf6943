# Precompile what C++ programs include first, into the directory where the compiler looks for headers.
# The options are those of every compile; where a request's differ, the compiler reads the header itself.
set -e
mkdir -p "$CPLUS_INCLUDE_PATH/bits"
for header in iostream bits/stdc++.h vector string algorithm; do
    echo "#include <$header>" > header.h
    g++ -std=gnu++20 -O2 -pipe -x c++-header -o "$CPLUS_INCLUDE_PATH/$header.gch" header.h
done
rm header.h
