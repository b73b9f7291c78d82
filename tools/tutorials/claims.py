"""Compare what the tutorials' documents claim with what was measured."""

from collections.abc import Iterator, Sequence

from tools.tutorials.runs import Run

SALT, LIGHT, HEAVY = ("salt_and_pepper 0.2", "salt_and_pepper 0.5"), "white 0.1", "white 1"
"""Tests of a report by name; every image recipe has them."""

BOTH, LAYERS, DEVIATION = "noise.salt_and_pepper", "architecture.layers_used", "data.noise_deviation"


def claims(images: Sequence[Run]) -> list[tuple[str, str]]:
    """Return each claim beside what was measured; claims that the runs do not measure are left out."""
    plain = [run for run in images if not run.changes]
    return [
        line
        for run in plain
        for find in (_salt_and_pepper, _mouth, _another_face, _blur, _ablation)
        for line in find(run, [other for other in images if other.recipe.name == run.recipe.name])
    ]


def _salt_and_pepper(run: Run, same: Sequence[Run]) -> Iterator[tuple[str, str]]:
    for both in same:
        if set(both.changes) == {BOTH}:
            tests = (test for test in (*SALT, _own(run)) if all(test in each.report["tests"] for each in (run, both)))
            yield (
                f"`{run.recipe.name}`: trained on Gaussian noise it fails on salt and pepper",
                "; ".join(f"on {test} {_gain(run, test)}, trained on both {_gain(both, test)}" for test in tests),
            )


def _mouth(run: Run, same: Sequence[Run]) -> Iterator[tuple[str, str]]:
    if errors := run.report["tests"][_own(run)].get("detail_error"):
        (mouth, mouth_after), (rest, rest_after) = errors["mouth"], errors["rest"]
        yield (
            f"`{run.recipe.name}`: the mouth changes",
            f"on {_own(run)}, error relative to that of the mean face: mouth {mouth:.2f} → {mouth_after:.2f}, "
            f"rest of the face {rest:.2f} → {rest_after:.2f}",
        )


def _another_face(run: Run, same: Sequence[Run]) -> Iterator[tuple[str, str]]:
    if run.recipe.data["source"] == "faces":
        shares = (
            f"{name.replace('_', ' ')}: {clean:.0%} clean, {noisy:.0%} noisy, {denoised:.0%} denoised"
            for name, (clean, noisy, denoised) in (
                (name, run.report["tests"][name]["recognised"]) for name in (LIGHT, HEAVY)
            )
        )
        yield (
            f"`{run.recipe.name}`: under heavy noise another face appears",
            f"test faces whose nearest training face is the same person, {'; '.join(shares)}",
        )


def _blur(run: Run, same: Sequence[Run]) -> Iterator[tuple[str, str]]:
    for heavy in same:
        if set(heavy.changes) == {DEVIATION} and heavy.changes[DEVIATION] > run.recipe.data["noise_deviation"]:
            sharpness, blurred = (each.report["tests"][LIGHT]["sharpness"][1] for each in (run, heavy))
            psnr, lower = (each.report["tests"][LIGHT]["psnr_db"][1] for each in (run, heavy))
            yield (
                f"`{run.recipe.name}`: trained on heavy noise it blurs under light noise",
                f"on {LIGHT}, trained on {heavy.changes[DEVIATION]:g}: sharpness {blurred:.2f} (clean images: 1), PSNR "
                f"{lower:.1f} dB; trained on {run.recipe.data['noise_deviation']:g}: {sharpness:.2f}, {psnr:.1f} dB",
            )


def _ablation(run: Run, same: Sequence[Run]) -> Iterator[tuple[str, str]]:
    variants = [other for other in same if set(other.changes) <= {LAYERS}]
    if len(variants) > 1:
        found = []
        for other in variants:
            kept = " - ".join([*other.recipe.architecture["layers_used"], "last convolution"])
            found.append(f"{kept} {_gain(other, _own(run))}")
        yield (f"`{run.recipe.name}`: {run.recipe.reported}", f"on {_own(run)}: {'; '.join(found)}")


def _own(run: Run) -> str:
    return f"white {run.recipe.data['noise_deviation']:g}"


def _gain(run: Run, test: str) -> str:
    """Describe a run's gain on a test, and how long it was trained."""
    figures = run.report["tests"][test]
    (psnr, psnr_after), (ssim, ssim_after) = figures["psnr_db"], figures["ssim"]
    return f"PSNR {psnr_after - psnr:+.1f} dB, SSIM {ssim:.2f} → {ssim_after:.2f} ({run.report['epochs']} epochs)"
