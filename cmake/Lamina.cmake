# How this project's libraries and tools are made.

# LLVM is built without exceptions; its RTTI setting must match.
set(LAMINA_CXX_FLAGS -Wall -Wextra -Werror -Wno-unused-parameter
    -fno-exceptions -ffp-contract=off)
if(NOT LLVM_ENABLE_RTTI)
  list(APPEND LAMINA_CXX_FLAGS -fno-rtti)
endif()

# Static library of our own code: lamina_library(Name sources... [DEPENDS ...]
# [LINK ...]). LINK names libraries of this project; MLIR and LLVM (the shared
# libraries) come with every one of them.
function(lamina_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE ${LAMINA_CXX_FLAGS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# Executable in bin/: lamina_tool(name sources... [LINK ...]).
function(lamina_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE ${LAMINA_CXX_FLAGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()

# Compiler cache, shared by all build folders of all clones of this project.
find_program(LAMINA_CCACHE ccache)
if(LAMINA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${LAMINA_CCACHE})
endif()

# The reference pages in docs/reference, written from the .td files.
add_custom_target(docs
  COMMAND ${CMAKE_SOURCE_DIR}/utils/gen-docs.sh
  COMMENT "Writing docs/reference"
  VERBATIM)
