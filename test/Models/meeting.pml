/* The protocol of runtime/src/comm/Meeting.cpp, for spin.
 *
 * RANKS ranks come to WAITS meetings. A rank may be given one fault, at any
 * point: it stalls for ever, it ends its step with a failure (and tells the
 * group), or it parks for longer than the time limit. Parking and waking are
 * those of a futex: a rank sleeps only if the word has the value that it has
 * seen. Checked: no rank waits for ever unless it is the one that stalls, so all
 * survivors end; without a fault all of them end well; and no rank passes a
 * meeting to which another has not come.
 *
 * Names are those of the C++: generation, present, parked, isFailing, failed.
 */
#ifndef RANKS
#define RANKS 3
#endif
#define WAITS 3
#define NOBODY RANKS

mtype = { runs, ends, fails, stalls };

byte generation = 0;
byte present = 0;
byte parked = 0;
bool isFailing = false;
bool failed = false;
bool asleep[RANKS];
byte arrivals[RANKS];
mtype state[RANKS];
byte guilty = NOBODY; /* who has the fault */
bool timesOut = false; /* somebody has waited for too long */

inline wakeAll() {
  d_step {
    for (other : 0 .. RANKS - 1) {
      asleep[other] = false
    }
  }
}

/* Meeting::abort */
inline abort() {
  atomic {
    first = !isFailing;
    isFailing = true
  };
  if
  :: first -> failed = true
  :: else -> failed /* another rank writes the message still */
  fi;
  generation++;
  wakeAll()
}

/* Meeting::wait; leaves `ok`. */
inline meet() {
  seen = generation;
  if
  :: failed -> ok = false
  :: else ->
    arrivals[self]++;
    atomic {
      present++;
      last = (present == RANKS)
    };
    if
    :: last ->
      present = 0;
      generation++;
#ifndef NO_WAKE
      if
      :: parked > 0 -> wakeAll()
      :: else
      fi;
#endif
      ok = true
    :: else ->
      if
      :: generation != seen /* it came while this rank looked */
      :: true ->
        parked++;
        do
        :: generation != seen -> break
        :: else ->
          atomic { /* FUTEX_WAIT looks at the word again */
            if
            :: generation == seen -> asleep[self] = true
            :: else
            fi
          };
          if
          :: !asleep[self]
          :: asleep[self] && guilty != NOBODY && !timesOut ->
            /* the time limit; it may come although all are well */
            asleep[self] = false;
            timesOut = true;
            abort();
            break
          fi
        od;
        parked--
      fi;
      ok = !failed
    fi
  fi
}

proctype rank(byte self) {
  byte number = 0;
  byte seen;
  byte other;
  bool last;
  bool first;
  bool ok = true;

  do
  :: number == WAITS -> break
  :: number < WAITS ->
    if
    :: guilty == self -> state[self] = stalls; goto stalled
    :: guilty == self -> abort(); ok = false; break
    :: true
    fi;
    meet();
    if
    :: !ok -> break
    :: else ->
      for (other : 0 .. RANKS - 1) {
        assert(arrivals[other] > number)
      }
      number++
    fi
  od;
  state[self] = (ok -> ends : fails);
  assert(guilty != NOBODY || state[self] == ends);
  goto done;
stalled:
end_stalled:
  false;
done:
  skip
}

init {
  byte i;
  atomic {
    for (i : 0 .. RANKS - 1) {
      state[i] = runs
    }
    if
    :: guilty = NOBODY
    :: guilty = 0
    :: guilty = RANKS - 1
    fi;
    for (i : 0 .. RANKS - 1) {
      run rank(i)
    }
  }
}
