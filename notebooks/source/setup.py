# %% [markdown] en
# Run this cell first: it finds the project in a folder above. On a hosted notebook, such as Colab or Kaggle, write the
# repository's address into `ADDRESS`. The cell then downloads the project and installs what it needs, which takes minutes.

# %% [markdown] zh
# 先运行这个单元格：它会在上层文件夹里找到本项目。如果使用 Colab、Kaggle 等在线笔记本，请把仓库地址填入 `ADDRESS`，这个单元格
# 就会下载本项目并安装所需的软件包，大约需要几分钟。

# %%
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

ADDRESS = ''  # such as https://github.com/OWNER/NAME

if not util.find_spec('pg_gaussian_minimal'):
    folder = next((one for one in Path.cwd().parents if (one / 'pg_gaussian_minimal.py').is_file()), None)
    if folder is None:
        folder = Path('policy-gradients').resolve()
        if not folder.exists():
            if not ADDRESS:
                raise SystemExit("the project is not in a folder above: write the repository's address into ADDRESS")
            subprocess.run(['git', 'clone', '--depth', '1', ADDRESS, str(folder)], check=True)
        for file in ('requirements.txt', 'requirements-experiment.txt'):
            subprocess.run([sys.executable, '-m', 'pip', 'install', '--quiet', '-r', str(folder / file)], check=True)
        if 'numpy' in sys.modules and sys.modules['numpy'].__version__ != metadata.version('numpy'):
            raise SystemExit('NumPy was replaced while it was in use: restart the kernel, then run this cell again')
    sys.path.insert(0, str(folder))
