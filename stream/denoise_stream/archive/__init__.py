"""Archives: folders and object stores are denoised file by file, with a manifest to resume from."""
