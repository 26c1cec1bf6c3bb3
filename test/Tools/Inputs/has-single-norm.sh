#!/bin/sh
# A module is interesting (exit 1) if a norm of mode `single` is left in it.
lamina-opt "$1" | grep -q 'norm single' && exit 1
exit 0
